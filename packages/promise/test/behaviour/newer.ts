/** Our side of the rows that are newer than 0.3.0. The other side is the description in `surface`, which has no code. */
import { createRelayRoute } from "@effect-noukai/adapters/nextjs"
import { INVALID_SPAN_CONTEXT, trace } from "@opentelemetry/api"
import { hello, outcome, type Parsed, rejection, weather, type World } from "../support/world.js"
import type { Reason } from "./differences.js"

export interface NewerBehaviour {
  readonly because: Reason
  readonly name: string
  readonly ours: unknown
  readonly run: (world: World) => Promise<unknown>
}

const newer = (
  because: Reason,
  name: string,
  ours: unknown,
  run: NewerBehaviour["run"]
): NewerBehaviour => ({ because, name, ours, run })

/** The fields that tell a refusal. */
const fields = (error: unknown) => {
  const { code, message, name, requestId, retryAfter, sent } = error as Parsed
  return { name, ...JSON.parse(JSON.stringify({ code, message, requestId, retryAfter, sent })) as object }
}

const refused = ({ name }: Error) => name

/** A relay flow over a `fetch`. */
const agent = ({ sdk }: World, fetch: typeof globalThis.fetch) => sdk.createRelayFlow({ url: "/agent/execute", fetch })

const answering = (body: string, init?: ResponseInit) => () => Promise.resolve(new Response(body, init))

const route = (world: World, authorize: () => unknown) =>
  createRelayRoute({ client: world.client(), flow: hello, authorize: authorize as () => boolean })

const post = (body: string, init?: RequestInit) =>
  new Request("http://localhost/agent/execute", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    ...init
  })

/** The name of the error of a call, or its result. */
const nameOf = (run: () => unknown): Promise<unknown> =>
  Promise.resolve().then(run).then((value) => value, (error: Error) => error.name)

export const newerBehaviours: ReadonlyArray<NewerBehaviour> = [
  newer("authorize", "an authorize that returns nothing refuses", [403, { detail: "FORBIDDEN" }, 0], async (world) => {
    const response = await route(world, () => undefined)(post("{}"))
    return [response.status, await response.json(), world.emulator.ledger().runsStarted]
  }),
  newer("relay options", "options that do not exist are refused", ["headers", "version"], async (world) => {
    const made = await nameOf(() => world.sdk.createRelayFlow({ url: "http://a/", headers: {} } as never)) as string
    const flow = agent(world, answering("{}"))
    const error = await rejection(flow.execute({ version: 1 } as never)) as Parsed
    return [made === "InvalidRequestError" ? "headers" : made, error.field]
  }),
  newer("tracer alone", "a tracer alone is refused", "InvalidRequestError", ({ sdk }) => {
    const options: Parsed = { apiKey: "nk_1", tracer: { startSpan: () => {} } }
    return nameOf(() => new sdk.Noukai(options))
  }),
  newer("spans", "a poll has a span too", ["noukai.flow.execute_async", "noukai.job.poll"], async (world) => {
    const names: Array<string> = []
    const tracer = {
      startSpan: (name: string) => {
        names.push(name)
        return trace.wrapSpanContext(INVALID_SPAN_CONTEXT)
      }
    }
    const job = await world.client({ otel: true, tracer }).flow(hello).executeAsync({ message: "hi" })
    await job.poll()
    return names
  }),
  newer(
    "relay timeout",
    "a timeout of 0 is refused",
    ["InvalidRequestError", "InvalidRequestError"],
    async ({ sdk }) => [
      await nameOf(() => sdk.createRelayFlow({ url: "http://a/", timeout: 0 })),
      await nameOf(() => new sdk.RelayExecuteTransport({ url: "http://a/", timeout: -1 }))
    ]
  ),
  newer(
    "relay refusals",
    "the code of a relay is that of the error",
    { name: "RateLimitError", code: "FORBIDDEN", message: "FORBIDDEN", requestId: "r-1", retryAfter: 3 },
    async (world) => {
      const headers = { "x-request-id": "r-1", "retry-after": "3" }
      const flow = agent(world, answering("{\"detail\":\"FORBIDDEN\"}", { status: 429, headers }))
      return fields(await rejection(flow.execute()))
    }
  ),
  newer(
    "relay connections",
    "a fetch that fails, a timeout, an abort",
    ["APIConnectionError", "APITimeoutError", "mine"],
    async (world) => [
      refused(await rejection(agent(world, () => Promise.reject(new TypeError("no"))).execute()) as Error),
      refused(await rejection(agent(world, () => new Promise(() => {})).execute({ timeout: "1 milli" })) as Error),
      await rejection(agent(world, answering("{}")).execute({ signal: AbortSignal.abort("mine") }))
    ]
  ),
  newer(
    "relay results",
    "a 2xx without a JSON object",
    "UnexpectedResponseError",
    async (world) => refused(await rejection(agent(world, answering("hello")).execute()) as Error)
  ),
  newer("relay bodies", "a body that breaks off", ["APIConnectionError", "yes"], async ({ sdk }) => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) })
    const fetch = () => Promise.resolve(new Response(body))
    const { name, sent } = await rejection(new sdk.RelayExecuteTransport({ url: "/a", fetch }).send({})) as Parsed
    return [name, sent]
  }),
  newer("relay scopes", "a relay flow in a budget", ["InvalidRequestError", 0], async (world) => {
    let sent = 0
    const flow = agent(world, () => {
      sent++
      return answering("{}")()
    })
    const budget = new world.sdk.Budget({ limitUsd: 1, perRun: 1 })
    return [refused(await rejection(budget.run(() => flow.execute())) as Error), sent]
  }),
  newer("relay requests", "requests that are no JSON in a POST", [405, 415, 400], async (world) => {
    const handle = route(world, () => true)
    const deep = `{"a":${"[".repeat(70)}${"]".repeat(70)}}`
    const requests = [
      new Request("http://localhost/agent/execute"),
      post("{}", { headers: { "content-type": "text/plain" } }),
      post(deep)
    ]
    return (await Promise.all(requests.map((request) => handle(request)))).map(({ status }) => status)
  }),
  newer("empty conversation", "an empty list beside a message", "completed", async (world) => {
    const { value } = await outcome(
      world,
      () => world.client().flow(hello).execute({ message: "hi", messages: [] })
    ) as Parsed
    return value.status
  }),
  newer("streamed conversations", "messages of a stream", ["InvalidRequestError", 0], async (world) => {
    const messages = [{ role: "user", content: "hi" }]
    const steps = world.client().flow(hello).steps({ messages } as never)
    const error = await rejection(steps[Symbol.asyncIterator]().next()) as Error
    return [error.name, world.emulator.ledger().requestsReceived]
  }),
  newer(
    "odd rounds",
    "rounds that are negative or not finite",
    Array<string>(3).fill("InvalidRequestError"),
    async (world) =>
      await Promise.all(
        [-1, NaN, Infinity].map((maxToolRounds) =>
          nameOf(() => world.client().flow(weather).execute({ message: "hi", maxToolRounds }))
        )
      )
  ),
  newer(
    "codes",
    "codes of our own",
    true,
    async ({ sdk }) => Object.keys(sdk.ServerErrorCode).includes("JOB_NOT_FOUND")
  )
]
