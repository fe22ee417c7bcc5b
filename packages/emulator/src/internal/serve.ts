/** Puts a server together. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs/promises"
import { EmulatorError } from "../EmulatorError.js"
import type { EmulatorOptions } from "../EmulatorOptions.js"
import type { EmulatorService } from "../EmulatorService.js"
import * as FlowFile from "../FlowFile.js"
import { samples } from "../samples.js"
import { checkKeys, checkModes, checkOrganisations, checkRules } from "./contentChecks.js"
import * as Defaults from "./defaults.js"
import * as Control from "./endpoints/control.js"
import * as Execute from "./endpoints/execute.js"
import * as Jobs from "./endpoints/jobs.js"
import * as RunEndpoints from "./endpoints/runs.js"
import * as Step from "./endpoints/step.js"
import * as WebhookEndpoints from "./endpoints/webhooks.js"
import * as Engine from "./engine/engine.js"
import * as JobQueue from "./engine/jobQueue.js"
import * as FaultRules from "./faults/faultRules.js"
import * as Flows from "./flow/flows.js"
import { errorText } from "./json.js"
import { checkNumbers } from "./numbers.js"
import { optionsNamed } from "./optionNames.js"
import { type Endpoint, json } from "./server/endpoint.js"
import * as HandleRequest from "./server/handleRequest.js"
import type { OtherPaths } from "./server/handleRequest.js"
import { listen } from "./server/httpServer.js"
import type { Route } from "./server/router.js"
import { isLoopback, namesLoopback } from "./server/trustedCaller.js"
import type { State } from "./state.js"
import * as Accounts from "./store/accounts.js"
import * as Ids from "./store/ids.js"
import * as Ledger from "./store/ledger.js"
import * as RunRecords from "./store/runRecords.js"
import * as Runs from "./store/runs.js"
import { millis } from "./time/time.js"
import { checkWebhooks } from "./webhooks/options.js"
import * as Webhooks from "./webhooks/webhooks.js"

/** The key of an emulator without listed keys. */
const defaultKey = "nk_test_emulator_00000000000000000000000000000000"

/**
 * The id of a key: the part that is not secret.
 *
 * @see docs/wire.md#servers-and-keys
 */
const keyIdOf = (key: string): string | null => /^nk_(?:live|test)_([^_]{1,16})_/.exec(key)?.[1] ?? null

/**
 * `GET /keys/verify`: the owner of a key.
 *
 * @see docs/wire.md#keys
 */
const verifyKey: Endpoint<Route<"verifyKey">> = ({ caller }) =>
  Effect.succeed(json({ keyId: keyIdOf(caller.key), org: caller.org ?? null, project: caller.project ?? null }))

const readFile = (path: string): Effect.Effect<FlowFile.FlowFile, EmulatorError> =>
  Effect.tryPromise({
    try: (signal) => Fs.readFile(path, { encoding: "utf8", signal }),
    catch: (cause) =>
      new EmulatorError({
        reason: "File",
        message: `Cannot read ${path}: ${errorText(cause)}`,
        cause
      })
  }).pipe(Effect.flatMap((text) => FlowFile.decodeText(text, path)))

/** `GET /`, which has no place in the API: to the page for people. */
const home = (
  { home }: EmulatorOptions,
  { headers, method, path }: Parameters<OtherPaths>[0]
): ReturnType<OtherPaths> => {
  const address = method === "GET" && path === "/" && namesLoopback(headers) ? home?.() : undefined
  return address === undefined ? undefined : Effect.succeed(json({ home: address }, 303, { Location: address }))
}

const noFile: FlowFile.FlowFile = { flows: [] }

/** The flows, fault rules, keys and organisations of a server: those of its file and of its options. */
const contentOf = Effect.fnUntraced(function*(options: EmulatorOptions) {
  yield* checkNumbers(options)
  yield* checkWebhooks(options.webhooks)
  const file = options.file === undefined ? noFile : yield* readFile(options.file)
  const named = [...file.flows, ...(options.flows ?? [])]
  return {
    flows: yield* FlowFile.validate(named.length === 0 && options.flows === undefined ? samples : named),
    rules: yield* checkRules([...(file.faults ?? []), ...(options.faults ?? [])]),
    keys: [...(file.keys ?? []), ...(yield* checkKeys(options.keys ?? []))],
    organisations: { ...file.organisations, ...(yield* checkOrganisations(options.organisations ?? {})) }
  }
})

type Content = Effect.Effect.Success<ReturnType<typeof contentOf>>

const makeState = Effect.fnUntraced(
  function*(options: EmulatorOptions, { flows, keys, organisations, rules }: Content) {
    const limits = Defaults.given(Defaults.limits, options.limits)
    const jobs = Defaults.given(Defaults.jobs, options.jobs)
    const webhooks = Defaults.given(Defaults.webhooks, options.webhooks)
    const {
      capture,
      legacyFields,
      refusedRunPaths,
      runPaths,
      seed,
      streamOutputs,
      toolIterationLimit,
      toolMessageCasing
    } = Defaults.given<Defaults.DefaultedOptions>(Defaults.options, options)
    const clock = yield* Effect.clock
    const ledger = Ledger.make(() => clock.unsafeCurrentTimeMillis())
    const accounts = Accounts.make(keys, organisations, { capture, runPaths, refusedRunPaths })
    const ids = Ids.make(seed)
    const runs = Runs.make({
      runs: limits.runs,
      bytes: limits.runBytes,
      evicted: limits.evicted,
      sessionLag: millis(options.sessions?.lag)
    }, ids)
    const engine = Engine.make(ledger, accounts, runs, {
      toolIterationLimit,
      casing: toolMessageCasing,
      legacyFields,
      streamOutputs
    })
    const faults = FaultRules.make(rules, seed)
    return {
      ids,
      ledger,
      // before the queue, so that it closes after it
      webhooks: yield* Webhooks.make(ledger, faults, { ...webhooks, retries: webhooks.retries.map(millis) }),
      flows: Flows.make(flows),
      accounts,
      runs,
      faults,
      engine,
      jobs: yield* JobQueue.make(engine, ledger, runs, {
        queueDelay: millis(jobs.queueDelay),
        workers: jobs.workers,
        capacity: jobs.capacity
      }),
      jobRowDelay: millis(jobs.rowDelay),
      streamOutputs
    } satisfies State
  }
)

const endpointsOf = (state: State): HandleRequest.Endpoints => ({
  execute: Execute.make(state),
  step: Step.make(state),
  submitJob: Jobs.makeSubmit(state),
  pollJob: Jobs.makePoll(state),
  ...RunEndpoints.make(state),
  ...WebhookEndpoints.make(state),
  verifyKey
})

const serviceOf = (
  state: State,
  keys: Content["keys"],
  { port, url }: Pick<EmulatorService, "port" | "url">
): EmulatorService => {
  const { accounts, faults, flows, ids, jobs, ledger, runs, webhooks } = state
  return {
    url,
    baseUrl: `${url}/api/v1`,
    port,
    apiKey: Redacted.make(keys.find((key) => key.revoked !== true)?.key ?? defaultKey),
    flows: Effect.sync(flows.refs),
    flow: (ref) => Effect.sync(() => flows.facts(ref)),
    ledger: Effect.sync(ledger.snapshot),
    totals: Effect.sync(ledger.totals),
    requests: Effect.sync(ledger.requests),
    webhooks: Effect.sync(ledger.webhooks),
    rotateWebhookSecret: Effect.sync(() => Redacted.make(webhooks.rotate())),
    accounts: Effect.sync(accounts.list),
    runs: RunRecords.make(ledger, runs, ids, RunEndpoints.traceOf, RunEndpoints.readSession(state)),
    ...Ledger.watch(ledger),
    addFaults: (...added) => Effect.map(checkRules(added), faults.add),
    faults: Effect.sync(faults.list),
    removeFaults: (...rules) => Effect.sync(() => faults.remove(rules)),
    clearFaults: Effect.sync(faults.clear),
    putFlows: (...added) =>
      Effect.map(FlowFile.validate(added), (checked) => checked.forEach((flow) => flows.put(flow))),
    removeFlow: (ref) => Effect.sync(() => flows.remove(ref)),
    cancelJob: (executionId) =>
      Effect.suspend(() => {
        const run = runs.get(executionId)
        return run?.trigger === "job" ? jobs.cancel(run) : Effect.succeed(false)
      }),
    expireSession: (sessionId) => Effect.sync(() => runs.expireSession(sessionId)),
    putOrganisation: (org, organisation) =>
      Effect.map(
        Effect.suspend(() => checkOrganisations({ [org]: organisation })),
        (checked) => Object.entries(checked).forEach(([name, value]) => accounts.put(name, value))
      ),
    revokeKey: (key) => Effect.sync(() => accounts.revoke(Redacted.value(key))),
    // takes effect at once. Running jobs are stopped, and their late results are not recorded
    reset: Effect.zipRight(
      Effect.sync(() => {
        for (const each of [ids, flows, accounts, runs, faults, ledger]) each.reset()
      }),
      Effect.zipRight(jobs.reset, webhooks.reset)
    )
  }
}

export const serve = (options: EmulatorOptions = {}): Effect.Effect<EmulatorService, EmulatorError, Scope.Scope> =>
  Effect.gen(function*() {
    yield* optionsNamed(options)
    yield* checkModes(options)
    const content = yield* contentOf(options)
    const limits = Defaults.given(Defaults.limits, options.limits)
    const { host } = Defaults.given<Defaults.DefaultedOptions>(Defaults.options, options)
    const state: State = yield* makeState(options, content)
    // set below, because the control endpoint needs the service
    let control: OtherPaths | undefined
    const handle = HandleRequest.make(
      state,
      endpointsOf(state),
      (request) => home(options, request) ?? control?.(request),
      {
        maxBodyBytes: limits.bodyBytes,
        readerTimeout: millis(limits.readerTimeout),
        keptBodyBytes: limits.ledgerBodyBytes,
        localOnly: isLoopback(host),
        onRequest: options.onRequest
      }
    )
    const port = yield* listen(
      {
        host,
        port: options.port ?? 0,
        maxHeaderBytes: limits.headerBytes,
        maxConnections: limits.connections,
        requestTimeout: millis(limits.requestTimeout),
        keepAliveTimeout: millis(limits.keepAliveTimeout)
      },
      state.ledger,
      state.ids,
      handle
    )
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`
    const emulator = serviceOf(state, content.keys, { port, url })
    if (options.control ?? isLoopback(host)) control = Control.make(emulator, state, options)
    return emulator
  })
