/** The turns of chats: runs one, goes on with one, shows one again, cancels one. */
import { format } from "@effect-noukai/sdk/Flow"
import type { FlowEvent } from "@effect-noukai/sdk/FlowEvent"
import * as FlowService from "@effect-noukai/sdk/FlowService"
import { uuidOf } from "@effect-noukai/sdk/kit/names"
import { isEndedStatus } from "@effect-noukai/sdk/kit/runs/forward"
import type { CallError, InvalidRequestError, SessionError } from "@effect-noukai/sdk/NoukaiError"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as RunService from "@effect-noukai/sdk/RunService"
import * as SessionService from "@effect-noukai/sdk/SessionService"
import type { ToolResult } from "@effect-noukai/sdk/Tools"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { FlowInput, Turn, Turns } from "../../Page.js"
import { logged } from "../handledError.js"
import { type Answer, answer } from "../relay/answer.js"
import type { Thrown } from "../untrusted.js"
import type { PageResult, Wish } from "./body.js"
import { Chunks, codeOf, codeText, frames } from "./chunks.js"
import { type Followed, followed, runOf } from "./follow.js"
import { Outbox } from "./outbox.js"
import type { Settings } from "./settings.js"
import { driven, isForPage, type Outgoing, ran, resultsOf, started, Stopped, type Writer, written } from "./stream.js"
import { declarationsOf, type PageTools, sorted } from "./tools.js"
import { type HeldTurn, hold, keep, newest, release, turnsInProcess } from "./turns.js"

export const refusal = (status: number, code: string, isRead?: boolean): Answer =>
  answer(status, codeText(code), isRead)

const inProgress = refusal(409, "RUN_IN_PROGRESS")
const noPause = refusal(409, "NO_PAUSE")
/** The answer where there is nothing to show, and of a stream that was cancelled. */
const nothing = answer(204, undefined)

/** The services, over one `NoukaiHttp`. */
const services = Effect.all({ flows: FlowService.make, runs: RunService.make, sessions: SessionService.make })

const newHolder: Effect.Effect<string> = Effect.map(
  Effect.all(Array.from({ length: 16 }, () => Random.nextIntBetween(0, 256))),
  (bytes) => uuidOf(Uint8Array.from(bytes), 4)
)

type RunWish = Extract<Wish, { readonly _tag: "run" }>
type AnswerWish = Extract<Wish, { readonly _tag: "answer" }>

/** A turn: the id of its message, a hash of its content, and the name of the wish to run it again, if it is one. */
const TurnText = Schema.parseJson(Schema.Tuple(Schema.String, Schema.String, Schema.String))

const decodeTurn = Schema.decodeOption(TurnText)

const hashOf = (text: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))),
    (hash) => uuidOf(new Uint8Array(hash), 5)
  )

/**
 * The turn of a message. A message that is sent again is the same turn, unless its content is another one or the page asks
 * to run it again.
 */
const turnOf = ({ content, isAgain, message }: RunWish, before: Turn | undefined): Effect.Effect<string> =>
  Effect.gen(function*() {
    const known = Option.filter(decodeTurn(before?.turn ?? ""), ([of]) => of === message)
    const again = isAgain ? yield* newHolder : Option.match(known, { onNone: () => "", onSome: ([, , again]) => again })
    return JSON.stringify([message, yield* hashOf(content), again])
  })

const isRefusedKey = ({ _tag }: { readonly _tag: string }): boolean =>
  _tag === "AuthenticationError" || _tag === "PermissionDeniedError" || _tag === "ReplayForbiddenError"

/** Reads the results of the page for the calls that wait for it. Each must fit the schema of its tool. */
const resultsFor = (
  tools: PageTools<unknown, unknown>,
  waiting: Chunks["waiting"],
  given: ReadonlyMap<string, PageResult>
): Effect.Effect<ReadonlyMap<string, ToolResult["content"]>, Answer> =>
  Effect.gen(function*() {
    const results = new Map<string, ToolResult["content"]>()
    for (const [id, { by, name, pageId }] of waiting) {
      if (by !== "page") continue
      const result = given.get(pageId)
      if (result === undefined) return yield* Effect.fail(refusal(400, "RESULT_MISSING"))
      if ("error" in result) results.set(id, { error: result.error })
      else {
        const fits = Schema.decodeUnknown(tools.results.get(name) ?? Schema.Unknown)(result.output)
        yield* Effect.catchAllCause(fits, () => Effect.fail(refusal(400, "INVALID_RESULT")))
        // it was read from JSON
        results.set(id, result.output as ToolResult["content"])
      }
    }
    return results
  })

/** Waits until nobody runs a turn any more although its run has not ended. */
const stranded = (isHeld: Effect.Effect<boolean>, { outbox }: Writer): Effect.Effect<never, Stopped> =>
  Effect.gen(function*() {
    for (let looks = 0; looks < 2;) {
      yield* Effect.sleep("15 seconds")
      looks = outbox.isEmpty && !(yield* isHeld) ? looks + 1 : 0
    }
    return yield* new Stopped({ code: "RUN_STOPPED" })
  })

/** The response of the store. If the store fails, the request is a 503: nothing else keeps a message from running twice. */
const orUnavailable = <A>(response: Effect.Effect<A, Thrown>): Effect.Effect<A, Answer> =>
  Effect.catchAll(
    response,
    ({ reason }) => Effect.zipRight(logged(reason), Effect.fail(refusal(503, "UNAVAILABLE")))
  )

/** The chats of one handler. */
export class Chats<TE, TR> {
  private turns: Turns | undefined
  private readonly warned = new Set<string>()
  /** The turns that are under way in this process. */
  private readonly underWay = new Map<string, { readonly holder: string; readonly cancel: Effect.Effect<void> }>()

  constructor(private readonly settings: Settings, private readonly tools: PageTools<TE, TR>) {
    this.turns = settings.turns
  }

  /** Runs the turn of a message. The same turn again is shown and not run; another one that is under way is a refusal. */
  run<R>(
    chat: string,
    wish: RunWish,
    input: Effect.Effect<FlowInput, Answer, R>
  ): Effect.Effect<Outgoing, Answer, NoukaiHttp | R | TR> {
    return Effect.gen(this, function*() {
      const { flow, maxCostUsd, maxToolRounds, steps, version } = this.settings
      const { flows } = yield* services
      const turns = yield* this.store
      const before = yield* this.latest(chat)
      const turn = yield* turnOf(wish, before)
      if (before?.turn === turn && !before.held) {
        const shown = yield* this.shown(chat, turn, false)
        if (shown !== undefined) return shown
      }
      const given = yield* input
      const held = { turns, chat, turn, holder: yield* newHolder }
      const events = flows.eventsOnce(this.key(chat, turn), flow, {
        ...given,
        version,
        maxCostUsd,
        tools: declarationsOf(this.tools),
        // a store that knows the turn says that nobody runs it, so that a run that broke off can go on
        ...(this.settings.turns !== undefined || before?.turn === turn) &&
          { takeOver: true, silence: "5 seconds" as const }
      })
      const program = (writer: Writer) => driven(writer, this.tools, maxToolRounds, events)
      const outgoing = yield* Effect.uninterruptible(
        Effect.if(orUnavailable(hold(held)), {
          onTrue: () => Effect.asSome(this.start(new Chunks(steps), held, program)),
          onFalse: () => Effect.succeedNone
        })
      )
      return Option.isSome(outgoing) ? outgoing.value : yield* this.join(chat, turn)
    })
  }

  /** Goes on with the turn that waits for the page. Nothing is sent unless the results fit. */
  answer(chat: string, wish: AnswerWish): Effect.Effect<Outgoing, Answer, NoukaiHttp | TR> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(this, function*() {
        const turns = yield* this.store
        const latest = yield* this.latest(chat)
        if (latest === undefined) return yield* Effect.fail(noPause)
        const held = { turns, chat, turn: latest.turn, holder: yield* newHolder }
        if (!(yield* orUnavailable(hold(held)))) return yield* Effect.fail(inProgress)
        return yield* Effect.onError(restore(this.answered(held, wish)), () => release(held))
      })
    )
  }

  /** Shows the newest turn of a chat again, and the events that follow. */
  resume(chat: string): Effect.Effect<Outgoing, Answer, NoukaiHttp> {
    return Effect.gen(this, function*() {
      const latest = yield* this.latest(chat)
      const shown = latest === undefined ? undefined : yield* this.shown(
        chat,
        latest.turn,
        latest.held,
        this.settings.resume === "latest"
      )
      return shown ?? (yield* Effect.fail(nothing))
    })
  }

  /** Ends the turn that is under way here. */
  cancel(chat: string): Effect.Effect<Answer> {
    return Effect.suspend(() => {
      const turn = this.underWay.get(chat)
      return turn === undefined
        ? Effect.succeed(refusal(404, "NOT_UNDER_WAY"))
        : Effect.as(turn.cancel, nothing)
    })
  }

  /** The key of a turn. Both parts are JSON. */
  private key(chat: string, turn: string): string {
    return `${chat} ${turn}`
  }

  private once(text: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.warned.has(text)) return Effect.void
      this.warned.add(text)
      return Effect.logWarning(text)
    })
  }

  private get store(): Effect.Effect<Turns> {
    return Effect.gen(this, function*() {
      if (this.settings.turns === undefined) {
        yield* this.once(
          "flowPage: turns of chats are kept in this process; set `turns` to a store that all processes share, if there " +
            "are several"
        )
      }
      const clock = yield* Effect.clock
      return this.turns ??= turnsInProcess(() => clock.unsafeCurrentTimeMillis())
    })
  }

  private latest(chat: string): Effect.Effect<Turn | undefined, Answer> {
    return Effect.flatMap(this.store, (turns) => orUnavailable(newest(turns, chat)))
  }

  /** Starts the program of a turn that this request holds. */
  private start<E, R>(
    chunks: Chunks,
    held: HeldTurn,
    program: (writer: Writer) => Effect.Effect<void, E, R>
  ): Effect.Effect<Outgoing, never, R> {
    return Effect.gen(this, function*() {
      const { heartbeat, onDisconnect, timeout } = this.settings
      const { chat, holder } = held
      let isOver = false
      const lost = Effect.flatMap(keep(held), () => new Stopped({ code: "RUN_IN_PROGRESS" }))
      const ended = Effect.sync(() => {
        isOver = true
        if (this.underWay.get(chat)?.holder === holder) this.underWay.delete(chat)
      })
      const outgoing = yield* started(chunks, {
        heartbeat,
        timeout,
        isContinued: onDisconnect === "continue",
        release: Effect.zipRight(ended, release(held))
      }, (writer) => Effect.raceFirst(program(writer), lost))
      if (!isOver) this.underWay.set(chat, { holder, cancel: outgoing.cancel })
      return outgoing
    })
  }

  private answered(held: HeldTurn, wish: AnswerWish): Effect.Effect<Outgoing, Answer, NoukaiHttp | TR> {
    return Effect.gen(this, function*() {
      const { flow, maxCostUsd, maxToolRounds, steps, version = "production" } = this.settings
      const { flows } = yield* services
      const run = yield* this.located(held.chat, held.turn)
      if (run === undefined || run.executionId !== wish.executionId) return yield* Effect.fail(noPause)
      const stored = yield* this.read({ ...run, isHeld: Effect.succeed(false) })
      const chunks = new Chunks(steps)
      const outbox = new Outbox()
      outbox.leave()
      const read = written({ chunks, outbox, room: Effect.void }, this.tools, Stream.fromIterable(stored ?? []))
      const paused = yield* Effect.catchAll(read, (error) => this.unread(error))
      if (paused === undefined || !isForPage(paused.sorted)) return yield* Effect.fail(noPause)
      const given = yield* resultsFor(this.tools, chunks.waiting, wish.results)
      const program = (writer: Writer) =>
        Effect.gen(this, function*() {
          writer.outbox.push(frames(chunks.goOn(run.executionId)))
          const results = new Map([...yield* ran(this.tools, paused), ...given])
          writer.outbox.push(frames(chunks.answered(results, false)))
          const atPause = yield* Stream.runHead(flows.events(flow, {
            from: { ...paused.pause.cursor, flowVersion: version },
            tools: declarationsOf(this.tools),
            sessionId: run.sessionId,
            maxCostUsd
          }))
          const [pause] = Option.toArray(atPause)
          if (pause?.type !== "tool_calls_required") return yield* new Stopped({ code: "NO_PAUSE" })
          return yield* driven(writer, this.tools, maxToolRounds, pause.resume(resultsOf(results)))
        })
      return yield* Effect.uninterruptible(this.start(chunks, held, program))
    })
  }

  /** Shows a turn from its start: one that is held, has ended, or waits for the page. There is no other one to show. */
  private shown(chat: string, turn: string, isHeld: boolean, isPast = true) {
    return Effect.gen(this, function*() {
      const run = yield* this.located(chat, turn)
      if (run === undefined || (run.isEnded && !isPast)) return undefined
      if (run.isEnded || isHeld) return yield* this.followed(run)
      const stored = yield* this.read(run)
      if (stored === undefined) return undefined
      const last = Option.getOrUndefined(Chunk.last(stored))
      const isShown = last?.type !== "tool_calls_required" || isForPage(yield* sorted(this.tools, last))
      return isShown ? yield* this.follow(run, Stream.fromChunk(stored)) : undefined
    })
  }

  /** Follows a turn that another request holds. */
  private join(chat: string, turn: string): Effect.Effect<Outgoing, Answer, NoukaiHttp> {
    return Effect.gen(this, function*() {
      const latest = yield* this.latest(chat)
      const run = latest?.turn === turn ? yield* this.located(chat, turn) : undefined
      return run === undefined ? yield* Effect.fail(inProgress) : yield* this.followed(run)
    })
  }

  /** The run of a turn, if its session has one. */
  private located(chat: string, turn: string) {
    return Effect.gen(this, function*() {
      const { flow, version } = this.settings
      const { sessions } = yield* services
      const sessionId = yield* FlowService.onceSession(this.key(chat, turn), flow, version)
      const [execution] = Option.toArray(yield* runOf(sessions, sessionId))
      if (execution === undefined) return undefined
      const isHeld = Effect.map(
        Effect.option(this.latest(chat)),
        Option.exists((latest) => latest !== undefined && latest.turn === turn && latest.held)
      )
      return { flow, sessionId, executionId: execution.executionId, isEnded: isEndedStatus(execution.status), isHeld }
    }).pipe(Effect.catchAll((error) => this.unread(error)))
  }

  /** All events of a run that has ended or waits for results; nothing of one that nobody runs. */
  private read(run: Followed): Effect.Effect<Chunk.Chunk<FlowEvent> | undefined, Answer, NoukaiHttp> {
    return Effect.flatMap(services, ({ runs }) => Stream.runCollect(followed(runs, run))).pipe(
      Effect.timeoutOption("5 seconds"),
      Effect.map(Option.getOrUndefined),
      Effect.catchAll((error) => this.unread(error))
    )
  }

  private followed(run: Followed & { readonly isEnded: boolean }): Effect.Effect<Outgoing, Answer, NoukaiHttp> {
    return Effect.flatMap(services, ({ runs }) => this.follow(run, followed(runs, run)))
  }

  /** Shows the events of a run. Fails if its first event cannot be read. */
  private follow(
    run: Followed & { readonly isEnded: boolean },
    events: Stream.Stream<FlowEvent, CallError>
  ): Effect.Effect<Outgoing, Answer> {
    return Effect.gen(this, function*() {
      const { heartbeat, steps, timeout } = this.settings
      const begun = yield* Deferred.make<void, CallError | InvalidRequestError>()
      const marked = Stream.mapChunksEffect(events, (chunk) => Effect.as(Deferred.succeed(begun, undefined), chunk))
      const program = (writer: Writer) => {
        const shown = written(writer, this.tools, marked).pipe(
          Effect.zipRight(Deferred.succeed(begun, undefined)),
          Effect.catchAll((error) =>
            Effect.flatMap(
              Deferred.fail(begun, error),
              (isUntold) => Effect.fail(isUntold ? new Stopped({ code: codeOf(error) }) : error)
            )
          ),
          Effect.asVoid
        )
        return run.isEnded ? shown : Effect.raceFirst(shown, stranded(run.isHeld, writer))
      }
      const rules = { heartbeat, timeout, isContinued: false, release: Effect.void }
      const outgoing = yield* started(new Chunks(steps), rules, program)
      yield* Effect.onError(Deferred.await(begun), () => outgoing.leave).pipe(
        Effect.catchAll((error) => this.unread(error))
      )
      return outgoing
    })
  }

  /** The refusal where a run cannot be read. */
  private unread(error: CallError | SessionError | InvalidRequestError): Effect.Effect<never, Answer> {
    const text = `flowPage: ${format(this.settings.flow)}: the key may not read sessions or live traces, so that no ` +
      `page can resume a run: ${error._tag}`
    return isRefusedKey(error)
      ? Effect.zipRight(this.once(text), Effect.fail(refusal(501, "RESUME_NOT_AVAILABLE")))
      : Effect.zipRight(logged(error), Effect.fail(refusal(502, "UPSTREAM_UNAVAILABLE")))
  }
}
