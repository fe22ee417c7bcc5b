/**
 * The part of the studio's API about an emulator of the same process. Its faults are all that a studio changes.
 *
 * @since 0.1.0
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import { EventStream, Index, NotFound, Unavailable } from "./RunsApi.js"

/**
 * Faults by chance: a request that matches takes one of them with the probability `rate`.
 *
 * @since 0.1.0
 * @category models
 */
export const FaultSwitch = Schema.Struct({
  /** Each written as in a script: `503`, `reset:late`, `stall:2000`. */
  faults: Schema.NonEmptyArray(Schema.String),
  /** 0 to 1. */
  rate: Schema.Number.pipe(Schema.between(0, 1)),
  seed: Schema.Int,
  /** `execute`, `jobs`, …; absent: every endpoint. */
  endpoint: Schema.optional(Schema.String),
  /** `org/project/slug`; absent: every flow. */
  flow: Schema.optional(Schema.String)
})

/** @since 0.1.0 */
export interface FaultSwitch extends Schema.Schema.Type<typeof FaultSwitch> {}

/**
 * An emulator: its flows, its accounts, its counts and its faults.
 *
 * @since 0.1.0
 * @category models
 */
export const EmulatorState = Schema.Struct({
  address: Schema.String,
  flows: Schema.Array(Schema.Struct({
    flow: Schema.String,
    /** Its kept runs, and their cost. */
    runs: Schema.Number,
    costUsd: Schema.String,
    /** The number of runs whose cost is not wholly known. */
    unknownCosts: Schema.optional(Schema.Number)
  })),
  organisations: Schema.Array(Schema.Struct({
    org: Schema.String,
    /** The rest of its credits, in US dollars. Absent: no limit. */
    creditsUsd: Schema.optional(Schema.String),
    billedUsd: Schema.String
  })),
  totals: Schema.Struct({
    /** The open ones. */
    connections: Schema.Number,
    requests: Schema.Number,
    runs: Schema.Number,
    billedUsd: Schema.String,
    /** The requests that took a fault. */
    faulty: Schema.Number
  }),
  /** The faults that are switched on. `isOurs`: the studio switched them on. Others come from the file of flows or a program. */
  faults: Schema.Array(Schema.Struct({ rule: Schema.String, isOurs: Schema.Boolean })),
  /** The switch as it was set last, for its form. */
  last: Schema.optional(FaultSwitch),
  /** The endpoints that faults can be for. */
  endpoints: Schema.Array(Schema.String),
  /** Faults to choose from, with what they do. */
  catalogue: Schema.Array(Schema.Struct({ fault: Schema.String, effect: Schema.String }))
})

/** @since 0.1.0 */
export interface EmulatorState extends Schema.Schema.Type<typeof EmulatorState> {}

/**
 * A request of the ledger of the emulator.
 *
 * @since 0.1.0
 * @category models
 */
export const EmulatorRequest = Schema.Struct({
  id: Schema.String,
  method: Schema.String,
  target: Schema.String,
  endpoint: Schema.optional(Schema.String),
  flow: Schema.optional(Schema.String),
  executionId: Schema.optional(Schema.String),
  status: Schema.optional(Schema.Number),
  /** `open`, `complete`, `client`, `server` or `fault`. */
  outcome: Schema.String,
  fault: Schema.optional(Schema.String),
  billedUsd: Schema.optional(Schema.String),
  receivedAt: Schema.Number,
  durationMs: Schema.optional(Schema.Number),
  bodyBytes: Schema.Number,
  responseBytes: Schema.Number,
  responseEvents: Schema.Number
})

/** @since 0.1.0 */
export interface EmulatorRequest extends Schema.Schema.Type<typeof EmulatorRequest> {}

/**
 * A part of the requests, newest first.
 *
 * @since 0.1.0
 * @category models
 */
export const EmulatorRequestPage = Schema.Struct({
  requests: Schema.Array(EmulatorRequest),
  /** The number of requests that match. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface EmulatorRequestPage extends Schema.Schema.Type<typeof EmulatorRequestPage> {}

/**
 * A request with its headers and its body. Keys are masked.
 *
 * @since 0.1.0
 * @category models
 */
export const EmulatorRequestDetail = Schema.Struct({
  request: EmulatorRequest,
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** As received, as far as the ledger keeps it. */
  body: Schema.String
})

/** @since 0.1.0 */
export interface EmulatorRequestDetail extends Schema.Schema.Type<typeof EmulatorRequestDetail> {}

/**
 * The webhook of a job that has ended.
 *
 * @since 0.1.0
 * @category models
 */
export const EmulatorWebhook = Schema.Struct({
  id: Schema.String,
  event: Schema.String,
  executionId: Schema.String,
  flow: Schema.String,
  url: Schema.String,
  /** `pending`, `delivered`, `dead`, `failed_permanent` or `not_sent`. */
  status: Schema.String,
  fault: Schema.optional(Schema.String),
  attempts: Schema.Array(Schema.Struct({
    at: Schema.Number,
    ms: Schema.Number,
    status: Schema.optional(Schema.Number),
    error: Schema.optional(Schema.String)
  }))
})

/** @since 0.1.0 */
export interface EmulatorWebhook extends Schema.Schema.Type<typeof EmulatorWebhook> {}

/**
 * The newest webhooks, newest first.
 *
 * @since 0.1.0
 * @category models
 */
export const EmulatorWebhookPage = Schema.Struct({
  webhooks: Schema.Array(EmulatorWebhook),
  /** The number of webhooks that the ledger keeps. */
  total: Schema.Number
})

/** @since 0.1.0 */
export interface EmulatorWebhookPage extends Schema.Schema.Type<typeof EmulatorWebhookPage> {}

/**
 * The faults are not valid. Nothing was changed.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidFaults extends Schema.TaggedError<InvalidFaults>("@effect-noukai/studio/InvalidFaults")(
  "InvalidFaults",
  { message: Schema.String },
  HttpApiSchema.annotations({ status: 400 })
) {}

/**
 * The endpoints of the emulator. `switchOn` and `switchOff` change its faults, and nothing else.
 *
 * @since 0.1.0
 * @category api
 */
export const emulatorGroup = HttpApiGroup.make("emulator")
  .add(HttpApiEndpoint.get("emulator", "/emulator").addSuccess(EmulatorState))
  /** Events named `change` with an {@link EmulatorState}, at most one per 250 ms, after `hello`. */
  .add(HttpApiEndpoint.get("watchEmulator", "/emulator/watch").addSuccess(EventStream))
  .add(
    HttpApiEndpoint.get("requests", "/emulator/requests")
      .setUrlParams(Schema.Struct({
        /** A part of the method, target, flow, run, fault or status. */
        text: Schema.optional(Schema.String),
        offset: Schema.optional(Index),
        /** Default: 50, the most: 500. */
        limit: Schema.optional(Index)
      }))
      .addSuccess(EmulatorRequestPage)
  )
  .add(
    HttpApiEndpoint.get("request", "/emulator/request")
      .setUrlParams(Schema.Struct({ id: Schema.String }))
      .addSuccess(EmulatorRequestDetail)
  )
  .add(
    HttpApiEndpoint.get("webhooks", "/emulator/webhooks")
      /** Default: 50, the most: 500. */
      .setUrlParams(Schema.Struct({ limit: Schema.optional(Index) }))
      .addSuccess(EmulatorWebhookPage)
  )
  /** Replaces the faults that the studio switched on. */
  .add(
    HttpApiEndpoint.put("switchOn", "/emulator/faults").setPayload(FaultSwitch).addSuccess(EmulatorState).addError(
      InvalidFaults
    )
  )
  /** Removes the faults that the studio switched on. */
  .add(HttpApiEndpoint.del("switchOff", "/emulator/faults").addSuccess(EmulatorState))
  .addError(NotFound)
  .addError(Unavailable)
