/** Answers the requests of a page: reads them, asks who may make them, and hands them to their chats. */
import { misnamed, type Names } from "@effect-noukai/sdk/kit/names"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { FlowInput, Message, PageRequest } from "../../Page.js"
import { logged } from "../handledError.js"
import type { Answer } from "../relay/answer.js"
import { authorized, rejectionOf } from "../relay/authorize.js"
import { parseBody } from "../relay/parseBody.js"
import { declaresBody, type Pull, readBody, type ReadProblem } from "../relay/readBody.js"
import { called, looked, Thrown } from "../untrusted.js"
import { type Asked, askedOf, chatOf, lastText } from "./body.js"
import { Chats, refusal } from "./chats.js"
import type { Functions, Made } from "./settings.js"
import type { Outgoing } from "./stream.js"

/** The parts of a request that the rules read. */
export interface PageCall<out Request> {
  /** The request as passed to `authorize`. */
  readonly request: Request
  readonly method: string
  /** The address of the request, or its path. */
  readonly url: string
  /** The value of a header, by its lower-case name. */
  readonly header: (name: string) => string | undefined
  /** The next bytes of the body; `None` at its end. */
  readonly pull: Pull
}

/** A response whose text comes piece by piece. */
export interface StreamAnswer extends Pick<Answer, "status" | "headers">, Pick<Outgoing, "next" | "leave"> {}

/** Answers one request. Never fails. */
export type Page<in Request, out R> = (call: PageCall<Request>) => Effect.Effect<Answer | StreamAnswer, never, R>

const streamHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  // `no-transform` turns compression off, which would hold chunks back
  "cache-control": "no-store, no-transform",
  "x-vercel-ai-ui-message-stream": "v1",
  "x-accel-buffering": "no"
}

const streamed = ({ leave, next }: Outgoing): StreamAnswer => ({ status: 200, headers: streamHeaders, next, leave })

const statusOf: { readonly [P in ReadProblem]: number } = {
  BODY_TOO_LARGE: 413,
  BODY_TOO_SLOW: 408,
  INVALID_JSON: 400
}

/** The limits of JSON. The messages are bounded by their bytes. */
const jsonLimits = { maxDepth: 64, maxMessages: Infinity }

const inputNames: Names<FlowInput> = { message: true, parameters: true, attachments: true }

/** Reads the body of a POST. */
const asked = (
  { header, pull }: PageCall<unknown>,
  limits: Parameters<typeof readBody>[2]
): Effect.Effect<Asked, Answer> =>
  Effect.gen(function*() {
    const text = yield* Effect.mapError(
      readBody(pull, header("content-length"), limits),
      (problem) => refusal(statusOf[problem], problem, false)
    )
    const body = parseBody(text, header("content-type"), jsonLimits)
    if (Either.isLeft(body)) {
      return yield* Effect.fail(refusal(body.left === "UNSUPPORTED_MEDIA_TYPE" ? 415 : 400, body.left))
    }
    const asked = askedOf(body.right)
    return asked === undefined ? yield* Effect.fail(refusal(400, "INVALID_MESSAGES")) : asked
  })

/** The input of a run. Without a function it is the text of the user. */
const inputOf = <Request, V, AE, AR, IE, IR>(
  { input }: Functions<Request, V, AE, AR, IE, IR>,
  messages: ReadonlyArray<Message>,
  caller: Exclude<V, false>
): Effect.Effect<FlowInput, Answer, IR> => {
  if (input === undefined) {
    const message = lastText(messages)
    return message === "" ? Effect.fail(refusal(400, "INVALID_MESSAGES")) : Effect.succeed({ message })
  }
  const failed = (cause: unknown) => Effect.zipRight(logged(cause), Effect.fail(refusal(500, "INPUT_FAILED")))
  return called(() => input(messages, caller)).pipe(
    Effect.catchAllCause((cause): Effect.Effect<never, Answer> => {
      const error = Cause.squash(cause)
      const thrown = error instanceof Thrown ? error.reason : error
      const rejected = looked(() => rejectionOf(thrown))
      return rejected === undefined ? failed(thrown) : Effect.fail(refusal(rejected.status, rejected.detail))
    }),
    Effect.filterOrElse(
      (given) => misnamed("input", given, inputNames) === undefined,
      () => failed(`the input of a flow must be an object with ${Object.keys(inputNames).join(", ")}`)
    )
  )
}

/** The owner and the chat as one text: nobody else can name it. */
const ownedChat = <V>(owner: (caller: V) => string, caller: V, chat: string): Effect.Effect<string, Answer> =>
  Effect.suspend(() => {
    const name = looked(() => owner(caller))
    return typeof name === "string" && name !== "" && name.length <= 256
      ? Effect.succeed(JSON.stringify([name, chat]))
      : Effect.zipRight(
        Effect.logWarning("flowPage: owner must return a text of 1 to 256 characters; the request was refused"),
        Effect.fail(refusal(403, "FORBIDDEN"))
      )
  })

const notAllowed = (isRead: boolean): Answer => {
  const { headers, ...rest } = refusal(405, "METHOD_NOT_ALLOWED", isRead)
  return { ...rest, headers: { ...headers, allow: "GET, POST, DELETE" } }
}

/** Makes the rules of a page. */
export const handler = <Request, V, AE, AR, IE, IR, TE, TR>(
  { functions, settings, tools }: Made<Request, V, AE, AR, IE, IR, TE, TR>
): Page<Request, AR | IR | TR | NoukaiHttp> => {
  const chats = new Chats(settings, tools)
  const judge = authorized(functions.authorize, settings.authorizeTimeout, "flowPage")

  const admitted = Effect.fnUntraced(function*(request: Request, page: PageRequest) {
    const caller = yield* Effect.mapError(
      judge(request, page),
      ({ detail, status }) => refusal(status, detail)
    )
    return { caller, chat: yield* ownedChat(functions.owner, caller, page.chat) }
  })

  const posted = Effect.fnUntraced(function*(call: PageCall<Request>) {
    const { chat: id, messages, wish } = yield* asked(call, settings.read)
    const { caller, chat } = yield* admitted(call.request, { action: "run", chat: id, messages })
    return streamed(
      wish._tag === "run"
        ? yield* chats.run(chat, wish, inputOf(functions, messages, caller))
        : yield* chats.answer(chat, wish)
    )
  })

  const named = Effect.fnUntraced(function*({ request, url }: PageCall<Request>, action: "resume" | "cancel") {
    const id = chatOf(url, action === "resume")
    if (id === undefined) return yield* Effect.fail(refusal(404, "NOT_FOUND"))
    const { chat } = yield* admitted(request, { action, chat: id, messages: [] })
    return action === "cancel" ? yield* chats.cancel(chat) : streamed(yield* chats.resume(chat))
  })

  return (call) => {
    const { header, method } = call
    switch (method) {
      case "POST":
        return Effect.merge(posted(call))
      case "GET":
      case "DELETE":
        return Effect.map(
          Effect.merge(named(call, method === "GET" ? "resume" : "cancel")),
          (answer) => "next" in answer ? answer : { ...answer, isRead: !declaresBody(header) }
        )
      default:
        return Effect.sync(() => notAllowed(!declaresBody(header)))
    }
  }
}
