/** Handles `noukai run`. */
import { FlowService } from "@effect-noukai/sdk/FlowService"
import type { NoukaiError } from "@effect-noukai/sdk/NoukaiError"
import type { ToolDeclaration } from "@effect-noukai/sdk/Tools"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { runInput } from "../../arguments/runInput.js"
import * as Values from "../../arguments/values.js"
import { type CommandError, UsageError } from "../../exit/CommandError.js"
import { ending } from "../../exit/failing.js"
import { findable } from "../../exit/interrupted.js"
import { type History, note } from "../../settings/history.js"
import { once } from "../../settings/once.js"
import { services } from "../../settings/services.js"
import { jsonLine, printed } from "../../terminal/json.js"
import * as Steps from "../../terminal/steps.js"
import { plain, Terminal } from "../../terminal/Terminal.js"
import type { Handle } from "../leaf.js"
import type { Input } from "./input.js"
import { failedStep, paused } from "./outcome.js"

const wrong = (message: string) => new UsageError({ message })

/** The tools of a file; what each of them is made of is checked where they are used. */
const declared = (path: string): Effect.Effect<ReadonlyArray<ToolDeclaration>, UsageError> =>
  Effect.flatMap(
    Effect.flatMap(Values.textOf("--tools", path), (text) => Values.parsed("--tools", text)),
    (value) =>
      Array.isArray(value)
        ? Effect.succeed(value as ReadonlyArray<ToolDeclaration>)
        : Effect.fail(wrong("--tools is no JSON array"))
  )

/** The input, checked before anything is sent. */
const read = Effect.fnUntraced(function*(input: Input) {
  if (Option.isSome(input.once) && (input.stream || Option.isSome(input.session))) {
    return yield* wrong("--once has a session of its own, and no stream: give it without --session and --stream")
  }
  if (input.rerunFailed && Option.isNone(input.once)) return yield* wrong("--rerun-failed is of --once")
  if (input.jsonl && !input.stream) return yield* wrong("--jsonl is of --stream; give --json for the result as JSON")
  if (input.json && input.jsonl) return yield* wrong("give --json for the result, or --jsonl for all events")
  const given = yield* runInput(input, input.tools)
  const attachments = yield* Effect.forEach(input.attach, Values.attachment)
  const session = yield* Values.when(input.session, (text) => Values.sessionId("--session", text))
  const tools = yield* Values.when(input.tools, declared)
  const timeout = yield* Values.when(input.timeout, (text) => Values.duration("--timeout", text))
  const maxCostUsd = yield* Values.when(input.maxCost, (text) => Values.dollars("--max-cost", text))
  if (Option.isSome(input.once) && maxCostUsd !== undefined) {
    return yield* wrong("--max-cost cannot stop a run of --once, which is one request: leave out one of them")
  }
  const isWalked = input.stream || maxCostUsd !== undefined
  if (isWalked && given.version === "draft") {
    return yield* wrong(`a draft runs in one request: leave out ${input.stream ? "--stream" : "--max-cost"}`)
  }
  return {
    isWalked,
    sessionId: session ?? randomUUID(),
    call: {
      ...given,
      timeout,
      maxCostUsd,
      tools,
      attachments: attachments.length === 0 ? undefined : attachments
    }
  }
})

type Failure = NoukaiError | CommandError | UsageError

export const handle: Handle<Input> = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { call: given, isWalked, sessionId } = yield* read(input)
  const known = { flow: input.flow, isWalked, ...Option.isNone(input.once) ? { sessionId } : { isOnce: true } }

  const print = (result: unknown) => terminal.write(printed(input.json, result))

  /** Prints the state that another process needs to answer the tool calls. */
  const printPause = (pause: object) =>
    input.json ? terminal.write(jsonLine({ status: "tool_calls_required", ...pause })) : Effect.void

  const executed = Effect.gen(function*() {
    const flows = yield* FlowService
    const { timeout } = given
    const whole = { ...given, ...(timeout !== undefined && { attemptTimeout: timeout }) }
    const outcome = yield* Option.match(input.once, {
      onNone: () => flows.execute(input.flow, { ...whole, sessionId }),
      onSome: (key) => {
        const { attachments, message, parameters, tools, version } = given
        const call = flows.executeOnce(key, input.flow, { ...whole, rerunFailed: input.rerunFailed })
        return once(key, input.flow, { attachments, message, parameters, tools, version }, call)
      }
    })
    yield* note({ flow: input.flow, run: outcome.executionId, flowId: outcome.flowId })
    if (outcome.status === "tool_calls_required") {
      const { executionId, state, toolCalls } = outcome
      yield* printPause({ executionId, toolCalls, state })
      return yield* paused(executionId, toolCalls)
    }
    if ("reused" in outcome && outcome.reused) {
      yield* terminal.note("nothing ran: this is the result of an earlier call with this --once key")
    }
    if (outcome.executionId !== undefined) yield* terminal.detail(`run ${plain(outcome.executionId)}`)
    yield* print(outcome.result)
  })

  const streamed = Effect.gen(function*() {
    const flows = yield* FlowService
    const { version, ...rest } = given
    if (version === "draft") return yield* wrong("a draft runs in one request")
    const show = yield* Steps.make
    let result: Option.Option<unknown> = Option.none()
    yield* flows.events(input.flow, { ...rest, version, sessionId }).pipe(
      Stream.runForEach((event) =>
        Effect.gen(function*() {
          yield* show(event)
          if (input.jsonl) yield* terminal.write(jsonLine(event))
          if (event.type === "run_started") {
            yield* note({ flow: input.flow, run: event.executionId, flowId: event.flowId })
          }
          if (event.type === "tool_calls_required") {
            const { cursor, executionId, toolCalls } = event
            yield* printPause({ executionId, toolCalls, cursor })
            return yield* paused(executionId, toolCalls)
          }
          if (event.type === "flow_completed") result = Option.some(event.result)
          if (event.type === "step_error") return yield* failedStep(event)
        })
      )
    )
    if (!input.jsonl && Option.isSome(result)) yield* print(result.value)
  })

  const all: Effect.Effect<void, Failure, Terminal | FlowService | History> = input.stream ? streamed : executed
  yield* all.pipe(
    Effect.tapError((error) => note({ flow: input.flow, run: "executionId" in error ? error.executionId : undefined })),
    Effect.provide(services(input)),
    findable(input.once, sessionId, input, { isListed: "a run goes on", isGiven: "the result of a run that goes on" }),
    (effect) => ending("begins", known)(effect, input)
  )
}, ending("begins"))
