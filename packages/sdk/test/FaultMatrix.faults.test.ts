/**
 * Every fault × every operation × plain, with retries, interrupted. Each cell: the expected tag, whether the call may be
 * made again, the right number of requests on the wire, no hang, no socket or fiber that stays, no secret in the error.
 *
 * `npm run test:faults` runs all cells and prints the grid; `npm test` a seeded slice (`FAULTS_SEED` picks another).
 */
import { FlowService, JobService, NoukaiHttp, RunService } from "@effect-noukai/sdk"
import type { Options } from "@effect-noukai/sdk/NoukaiConfig"
import * as Relay from "@effect-noukai/sdk/Relay"
import type { LogEvent } from "@effect-noukai/sdk/Telemetry"
import { assert, it } from "@effect/vitest"
import {
  Array as Arr,
  Cause,
  Clock,
  Context,
  type Duration,
  Effect,
  Exit,
  Fiber,
  identity,
  Layer,
  Schedule,
  Stream,
  Supervisor
} from "effect"
import type * as Net from "node:net"
import { inspect } from "node:util"
import { Agent } from "undici"
import { plantedKey, servicesFor } from "./support/client.js"
import { SetClock } from "./support/clock.js"
import * as Frames from "./support/eventFrames.js"
import { type Act, type FaultServer, serveFault } from "./support/FaultServer.js"
import { isWhole } from "./support/size.js"

const head = (status: number, type: string, length?: number): string =>
  `HTTP/1.1 ${status} X\r\nContent-Type: ${type}\r\nX-Request-ID: ${plantedKey}\r\n` +
  (length === undefined ? "Connection: close\r\n\r\n" : `Content-Length: ${length}\r\n\r\n`)

const whole = (status: number, type: string, body: string): Act => (socket) =>
  void socket.write(head(status, type, Buffer.byteLength(body)) + body)

/** Writes, then ends the connection cleanly, or resets it. */
const then = (text: string, how: "end" | "reset"): Act => (socket) =>
  void socket.write(text, () => how === "end" ? socket.end() : socket.resetAndDestroy())

const events = (...frames: ReadonlyArray<string>): string => head(200, "text/event-stream") + frames.join("")

type Kind = "json" | "stream"

interface Fault {
  readonly name: string
  readonly act: (kind: Kind) => Act
  /** The kind of the failure. */
  readonly is: "connection" | "body" | "frame" | "clock" | number
  /** Provably never left. */
  readonly unsent?: boolean
  /** The server says that the job or the run does not exist. */
  readonly absent?: boolean
  readonly only?: Kind
  /** Comes after the head of a response, so that a stream has been opened and is not opened again. */
  readonly isLate?: boolean
  readonly options?: (server: FaultServer) => Options
  readonly onConnection?: (socket: Net.Socket) => boolean
}

const short = "250 millis"
const clocks: Options = { attemptTimeout: short, firstByteTimeout: short, idleTimeout: short }

const statuses = [302, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 422, 429, 500, 502, 503, 504]

const faults: ReadonlyArray<Fault> = [
  {
    name: "refused",
    act: () => () => {},
    is: "connection",
    unsent: true,
    options: () => ({ baseUrl: "http://127.0.0.1:1/api/v1" })
  },
  {
    name: "lookup failure",
    act: () => () => {},
    is: "connection",
    unsent: true,
    options: ({ port }) => ({
      baseUrl: `http://localhost:${port}/api/v1`,
      dispatcher: new Agent({
        connect: {
          lookup: (_host, _options, callback) =>
            callback(Object.assign(new Error("getaddrinfo ENOTFOUND localhost"), { code: "ENOTFOUND" }), "", 4)
        }
      })
    })
  },
  {
    name: "TLS failure",
    act: () => () => {},
    is: "connection",
    unsent: true,
    options: ({ port }) => ({ baseUrl: `https://127.0.0.1:${port}/api/v1` }),
    onConnection: (socket) => {
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      return true
    }
  },
  { name: "reset before headers", act: () => (socket) => socket.resetAndDestroy(), is: "connection" },
  { name: "closed before headers", act: () => (socket) => void socket.end(), is: "connection" },
  { name: "reset in headers", act: () => then("HTTP/1.1 200 OK\r\nContent-Ty", "reset"), is: "connection" },
  {
    name: "reset in body",
    act: (kind) =>
      then(kind === "json" ? head(200, "application/json", 1000) + "{\"status\":" : events(Frames.runStarted), "reset"),
    is: "connection",
    isLate: true
  },
  {
    name: "closed in body",
    act: () => then(head(200, "application/json", 1000) + `{"status":"${plantedKey}`, "end"),
    is: "connection",
    only: "json"
  },
  { name: "truncated JSON", act: () => whole(200, "application/json", `{"status":"${plantedKey}`), is: "body" },
  { name: "HTML", act: () => whole(200, "text/html", `<html>${plantedKey}</html>`), is: "body" },
  { name: "empty", act: () => whole(200, "application/json", ""), is: "body" },
  { name: "wrong shape", act: () => whole(200, "application/json", JSON.stringify([plantedKey])), is: "body" },
  ...statuses.map((status): Fault => ({
    name: String(status),
    act: () => whole(status, "application/json", JSON.stringify({ detail: { code: "X", message: plantedKey } })),
    is: status
  })),
  {
    name: "404 of a job",
    act: () =>
      whole(404, "application/json", JSON.stringify({ detail: { code: "JOB_NOT_FOUND", message: plantedKey } })),
    is: 404,
    absent: true
  },
  { name: "500 HTML", act: () => whole(500, "text/html", `<p>${plantedKey}</p>`), is: 500 },
  { name: "slow headers", act: () => () => {}, is: "clock", options: () => clocks },
  {
    name: "slow body",
    act: (kind) => (socket) =>
      void socket.write(
        kind === "json" ? head(200, "application/json", 1000) + "{" : events(Frames.runStarted, Frames.stepStarted("a"))
      ),
    is: "clock",
    isLate: true,
    options: () => clocks
  },
  {
    name: "half-open",
    act: () => () => {},
    is: "clock",
    options: () => clocks,
    onConnection: (socket) => {
      // acknowledged by the kernel, read by nobody until it is gone
      socket.resume()
      return true
    }
  },
  ...[
    ["run_started", [Frames.runStarted]],
    ["step_started", [Frames.runStarted, Frames.stepStarted("a")]],
    ["step_completed", [Frames.runStarted, Frames.stepStarted("a"), Frames.stepCompleted("a")]]
  ].map(([name, frames]): Fault => ({
    name: `cut after ${String(name)}`,
    act: () => then(events(...frames as ReadonlyArray<string>), "end"),
    is: "connection",
    isLate: true,
    only: "stream"
  })),
  {
    name: "cut in an event",
    act: () => then(events(Frames.runStarted, Frames.stepCompleted("a").slice(0, 40)), "end"),
    is: "connection",
    isLate: true,
    only: "stream"
  },
  {
    name: "garbage frame",
    act: () => then(events(Frames.runStarted, `event: step_completed\ndata: {${plantedKey}\n\n`), "end"),
    is: "frame",
    only: "stream"
  },
  {
    name: "giant frame",
    act: () => then(events(Frames.runStarted, `data: ${"x".repeat(20_000)}\n\n`), "end"),
    is: "frame",
    only: "stream",
    options: () => ({ maxFrameBytes: 10_000 })
  }
]

type Services = FlowService | JobService | RunService | NoukaiHttp

interface Operation {
  readonly name: string
  readonly kind: Kind
  /** Looks at a run, and starts none. */
  readonly isGet: boolean
  /** Whether the operation only reads, and so is repeated after a passing failure. */
  readonly isRead: boolean
  readonly run: Effect.Effect<unknown, unknown, Services>
  readonly isRelay?: boolean
}

const sessionId = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"

const paused = {
  version: 1,
  flow: "a/b/c",
  flowVersion: "production",
  executionId: "ex-1",
  pausedAtStep: "s",
  iterationsUsed: 1,
  toolCallMessages: [],
  toolCalls: [{ id: "t", name: "n", arguments: "{}" }],
  accumulatedOutputs: {},
  rounds: 0,
  trace: false
} as const

const attached = Effect.flatMap(JobService, (jobs) => jobs.attach("a/b/c", "ex-1"))

const polls = 3

const operations: ReadonlyArray<Operation> = [
  {
    name: "execute",
    kind: "json",
    isGet: false,
    isRead: false,
    run: Effect.flatMap(FlowService, (flows) => flows.execute("a/b/c", { message: "hi" }))
  },
  {
    name: "resume",
    kind: "json",
    isGet: false,
    isRead: false,
    run: Effect.flatMap(FlowService, (flows) => flows.resume("a/b/c", paused, [{ toolCallId: "t", content: "x" }]))
  },
  {
    name: "steps",
    kind: "stream",
    isGet: false,
    isRead: false,
    run: Effect.flatMap(FlowService, (flows) => Stream.runDrain(flows.steps("a/b/c", { message: "hi" })))
  },
  {
    name: "events",
    kind: "stream",
    isGet: false,
    isRead: false,
    run: Effect.flatMap(FlowService, (flows) => Stream.runDrain(flows.events("a/b/c", { message: "hi" })))
  },
  {
    name: "submit",
    kind: "json",
    isGet: false,
    isRead: false,
    run: Effect.flatMap(JobService, (jobs) => jobs.submit("a/b/c", { message: "hi" }))
  },
  { name: "poll", kind: "json", isGet: true, isRead: true, run: Effect.flatMap(attached, (job) => job.poll()) },
  {
    name: "wait",
    kind: "json",
    isGet: true,
    isRead: true,
    run: Effect.flatMap(attached, (job) => job.wait({ schedule: Schedule.recurs(polls - 1) }))
  },
  {
    name: "trace",
    kind: "json",
    isGet: true,
    isRead: true,
    run: Effect.flatMap(RunService, (runs) => runs.trace("a/b/c", "ex-1"))
  },
  {
    name: "live trace",
    kind: "stream",
    isGet: true,
    isRead: true,
    run: Effect.flatMap(RunService, (runs) => Stream.runDrain(runs.liveTrace("a/b/c", "ex-1")))
  },
  {
    name: "session",
    kind: "json",
    isGet: true,
    isRead: true,
    run: Effect.flatMap(
      NoukaiHttp,
      (http) => http.request("session", { method: "test", options: {}, progress: { sent: "no" }, sessionId })
    )
  },
  {
    name: "relay",
    kind: "json",
    isGet: false,
    isRead: false,
    isRelay: true,
    run: Effect.flatMap(FlowService, (flows) => flows.execute("a/b/c", { message: "hi" }))
  }
]

const ofStatus: { readonly [status: number]: string } = {
  401: "AuthenticationError",
  402: "InsufficientCreditsError",
  403: "PermissionDeniedError",
  404: "FlowNotFoundError",
  429: "RateLimitError"
}

const ofSession: { readonly [status: number]: string } = {
  400: "ReplayInvalidSessionError",
  403: "ReplayForbiddenError",
  404: "ReplaySessionNotFoundError",
  410: "ReplaySessionExpiredError"
}

const passingStatus = [408, 429, 500, 502, 503, 504]

/** The tag by docs/wire.md#statuses, and whether it may pass by itself (12.1). */
const failureOf = (fault: Fault, operation: Operation): { readonly tag: string; readonly isPassing: boolean } => {
  const { is } = fault
  switch (is) {
    case "connection":
      return { tag: "APIConnectionError", isPassing: true }
    case "clock":
      return { tag: "APITimeoutError", isPassing: true }
    case "body":
      // as an event stream it has no terminal event
      return operation.kind === "stream"
        ? { tag: "APIConnectionError", isPassing: true }
        : { tag: "UnexpectedResponseError", isPassing: false }
    case "frame":
      return { tag: "UnexpectedResponseError", isPassing: false }
    default: {
      const special = operation.name === "session" ? ofSession[is] : undefined
      return { tag: special ?? ofStatus[is] ?? "FlowExecutionError", isPassing: passingStatus.includes(is) }
    }
  }
}

const retries = 2

/** True only if the same call again cannot start a second run. */
const isRetryable = (fault: Fault, operation: Operation): boolean => {
  const { isPassing } = failureOf(fault, operation)
  return isPassing && (operation.isGet || fault.unsent === true || fault.is === 429)
}

const expectation = (fault: Fault, operation: Operation, mode: Mode) => {
  const { isPassing, tag } = failureOf(fault, operation)
  const isOpen = operation.kind === "stream" && (fault.isLate === true || fault.is === "body")
  const attempts = mode === "retry" && isPassing && operation.isRead && !isOpen ? retries + 1 : 1
  // a gateway's 404 proves nothing of a job (8.2)
  const isWaiting = operation.name === "wait" && (isPassing || (fault.is === 404 && fault.absent !== true))
  const neverArrives = fault.unsent === true || fault.onConnection !== undefined
  return {
    tag: isWaiting ? "APITimeoutError" : tag,
    isRetryable: isWaiting ? undefined : isRetryable(fault, operation),
    requests: neverArrives ? 0 : attempts * (isWaiting ? polls : 1)
  }
}

type Mode = "plain" | "retry" | "interrupted"

const modes: ReadonlyArray<Mode> = ["plain", "retry", "interrupted"]

interface Cell {
  readonly fault: Fault
  readonly operation: Operation
  readonly mode: Mode
}

const nameOf = ({ fault, mode, operation }: Cell) => `${fault.name} × ${operation.name} × ${mode}`

const all: ReadonlyArray<Cell> = faults.flatMap((fault) =>
  operations
    .filter((operation) => fault.only === undefined || fault.only === operation.kind)
    .flatMap((operation) => modes.map((mode) => ({ fault, operation, mode })))
)

const ignoresClocks = ({ fault, mode }: Cell): boolean => mode === "interrupted" && fault.is === "clock"

/** The credential of a relay's caller; the relay's server does not know it. */
const visitorToken = "visitor-token-0123456789abcdef"

/**
 * The live clock, but time begins to run out when what was sent has arrived: on a busy machine it would end an attempt
 * that the server has yet to see.
 */
class ArrivedClock extends SetClock {
  constructor(private readonly arrived: Effect.Effect<void>) {
    super(Clock.make())
  }

  override sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.zipRight(this.arrived, super.sleep(duration))
  }
}

const clockOf = ({ fault }: Cell, server: FaultServer, sent: () => number): Clock.Clock => {
  const arrived = fault.onConnection === undefined ? server.requested : server.connected
  return new ArrivedClock(Effect.suspend(() => arrived(sent())))
}

const clientOf = (cell: Cell, server: FaultServer, onSent: () => void) => {
  const retry = cell.mode === "retry" ? { retry: Schedule.recurs(retries) } : { maxRetries: 0 }
  const { baseUrl = `http://127.0.0.1:${server.port}/api/v1`, ...options } = {
    ...retry,
    // a read that is refused is not made again under the other path
    runPaths: "seq" as const,
    // a clock that is left to run out would hide that interruption waits for it
    ...(ignoresClocks(cell) ? undefined : cell.fault.options?.(server)),
    log: ({ phase }: LogEvent) => {
      if (phase === "request") onSent()
    }
  }
  if (cell.operation.isRelay !== true) return servicesFor({ baseUrl }, options)
  const { attemptTimeout, dispatcher, log } = options
  const relay = Relay.layer({
    url: baseUrl.replace("/api/v1", "/relay"),
    ...retry,
    attemptTimeout,
    dispatcher,
    log,
    headers: { authorization: `Bearer ${visitorToken}` }
  })
  return Effect.map(
    Layer.build(relay),
    (context) => Context.add(context as Context.Context<Services>, FlowService, Context.get(context, FlowService))
  )
}

const printed = (value: unknown): string =>
  [String(value), JSON.stringify(value), inspect(value, { depth: 20, showHidden: true, getters: true })].join("\n")

/** The fault of a cell, if it has one. */
const check = (cell: Cell): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const { fault, mode, operation } = cell
    const server = yield* serveFault(fault.act(operation.kind), fault.onConnection)
    const supervisor = yield* Supervisor.track
    let sent = 0
    const run = Effect.scoped(
      Effect.flatMap(clientOf(cell, server, () => sent++), (services) => Effect.provide(operation.run, services))
    ).pipe(fault.is === "clock" ? Effect.withClock(clockOf(cell, server, () => sent)) : identity)
    const fiber = yield* Effect.fork(Effect.supervised(run, supervisor))
    if (mode === "interrupted") {
      yield* fault.unsent === true
        ? Effect.yieldNow()
        : fault.onConnection === undefined
        ? server.requested(1)
        : server.connected(1)
      yield* Fiber.interruptFork(fiber)
    }
    const exit = yield* Fiber.await(fiber)
    yield* server.allClosed
    const expected = expectation(fault, operation, mode)
    const left = (yield* supervisor.value).filter((child) => child.unsafePoll() === null)
    if (left.length > 0) return `${left.length} fibers are left`
    if (Exit.isSuccess(exit)) return "it succeeded"
    if (mode === "interrupted") {
      if (server.requests() > 1 && operation.name !== "wait") return `${server.requests()} requests`
      if (Cause.isInterruptedOnly(exit.cause)) return undefined
      if (ignoresClocks(cell)) return `interrupted, it failed: ${Cause.pretty(exit.cause).split("\n")[0]}`
    } else if (server.requests() !== expected.requests) {
      return `${server.requests()} requests, not ${expected.requests}: ${Cause.pretty(exit.cause).split("\n")[0]}`
    }
    const error: unknown = Cause.squash(exit.cause)
    const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : "defect"
    if (tag !== expected.tag) return `${String(tag)}, not ${expected.tag}: ${Cause.pretty(exit.cause).split("\n")[0]}`
    const may = typeof error === "object" && error !== null && "isRetryable" in error ? error.isRetryable : undefined
    if (expected.isRetryable !== undefined && may !== expected.isRetryable) return `isRetryable is ${String(may)}`
    // a relay's server may say a key of Noukai: its callers hold another secret
    const secret = operation.isRelay === true ? visitorToken : plantedKey
    return printed(error).includes(secret) ? "a secret is in the error" : undefined
  }).pipe(
    Effect.scoped,
    Effect.timeoutTo({ duration: "10 seconds", onSuccess: (result) => result, onTimeout: () => "it hangs" })
  )

const seed = Number(process.env["FAULTS_SEED"] ?? 11)

/** `count` cells by a linear congruential generator: the same seed, the same cells. */
const slice = (count: number): ReadonlyArray<Cell> => {
  let state = seed
  return Arr.makeBy(count, () => {
    state = (state * 1103515245 + 12345) % 2147483648
    return all[Math.floor(state / 2147483648 * all.length)]!
  })
}

const grid = (problems: ReadonlyMap<string, string>): string => {
  const width = Math.max(...faults.map(({ name }) => name.length))
  const columns = operations.map(({ name }) => name.padEnd(10)).join(" ")
  const cells = (fault: Fault) =>
    operations.map((operation) => {
      const marks = modes.map((mode) => {
        if (fault.only !== undefined && fault.only !== operation.kind) return "."
        return problems.has(nameOf({ fault, operation, mode })) ? "X" : "o"
      })
      return marks.join(" ").padEnd(10)
    }).join(" ")
  return [
    "each cell: plain, with retries, interrupted; o as expected, X not, . does not apply",
    `${"".padEnd(width)}  ${columns}`,
    ...faults.map((fault) => `${fault.name.padEnd(width)}  ${cells(fault)}`)
  ].join("\n")
}

it.live(
  isWhole
    ? "statuses, retries: every cell of the fault matrix"
    : `statuses, retries: a slice of the fault matrix, seed ${seed}`,
  () =>
    Effect.gen(function*() {
      const cells = isWhole ? all : slice(80)
      const found = yield* Effect.forEach(
        cells,
        (cell) => Effect.map(check(cell), (problem) => [nameOf(cell), problem] as const),
        { concurrency: 8 }
      )
      const problems = new Map(found.flatMap(([name, problem]) => problem === undefined ? [] : [[name, problem]]))
      if (isWhole) process.stdout.write(`\n${grid(problems)}\n${all.length} cells, ${problems.size} wrong\n`)
      assert.deepStrictEqual([...problems], [])
    }),
  isWhole ? 600_000 : 60_000
)
