/** Runs a handler from a `Request` to a `Response` in the scope of its request. */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import * as ReplayAnswer from "../../ReplayAnswer.js"
import { sessionHeader } from "../../SessionsOptions.js"
import type { ContextRunner } from "../asyncContext.js"
import { jsonAnswer } from "../jsonAnswer.js"
import * as RequestScope from "../sessions/requestScope.js"

interface Options {
  readonly client: Noukai
  readonly exposeSession?: boolean | undefined
  readonly onReplayError?: ((error: ReplayError) => void) | undefined
}

export const responseOf = (answer: ReplayAnswer.ReplayAnswer): Response => {
  const { body, headers, status } = jsonAnswer(answer)
  return new Response(body, { status, headers })
}

type ResponseBody = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null

/** Whether a response cannot be rebuilt: an upgrade, or a network error. */
const isBare = ({ status }: Response): boolean => status < 200

interface PiecewiseBody {
  readonly isWhole: false
  /** The next piece; `undefined` at the end. */
  readonly next: () => Promise<Uint8Array | undefined>
  readonly cancel: (reason: unknown) => Promise<void>
}

/** One turn of the event loop. A complete body has arrived after it. */
const turn = (): Promise<undefined> => Effect.runPromise(Effect.as(Effect.sleep(0), undefined))

/**
 * Tells a body that is already complete from one that arrives piece by piece. Takes at most one piece, and waits for it at
 * most one turn.
 */
export const peekBody = async (
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  within: ContextRunner
): Promise<{ readonly isWhole: true; readonly bytes: Uint8Array<ArrayBuffer> } | PiecewiseBody> => {
  const reader = body.getReader()
  const read = () => within(() => reader.read())
  const piecewise = (pieces: Array<Uint8Array>, pending: ReturnType<typeof read>): PiecewiseBody => {
    let ahead: typeof pending | undefined = pending
    return {
      isWhole: false,
      next: async () => {
        const piece = pieces.shift()
        if (piece !== undefined) return piece
        const { value } = await (ahead ?? read())
        ahead = undefined
        return value
      },
      cancel: (reason) => within(() => reader.cancel(reason))
    }
  }
  /** The outcome of a read so far. A failure stays for the reader of the pieces. */
  const byNow = (pending: ReturnType<typeof read>) => Promise.race([pending.catch(() => undefined), turn()])
  const first = read()
  const head = await byNow(first)
  if (head === undefined) return piecewise([], first)
  if (head.done) return { isWhole: true, bytes: new Uint8Array(0) }
  const second = read()
  const tail = await byNow(second)
  return tail?.done === true ? { isWhole: true, bytes: head.value } : piecewise([head.value], second)
}

const streamOf = (body: PiecewiseBody, ended: (isWell: boolean) => Promise<unknown>): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const piece = await body.next().catch(async (error: unknown) => {
        await ended(false)
        throw error
      })
      if (piece !== undefined) return controller.enqueue(piece)
      await ended(true)
      controller.close()
    },
    cancel: async (reason) => {
      await ended(false)
      await body.cancel(reason)
    }
  }, { highWaterMark: 0 })

export class ScopedRequest {
  constructor(
    private readonly scope: RequestScope.OpenRequestScope,
    private readonly options: Options,
    private readonly within: ContextRunner
  ) {}

  /** Runs the handler and ends the scope, also if the handler fails. */
  async handle(handler: () => Response | Promise<Response>, isHead: boolean): Promise<Response> {
    try {
      return await this.respond(handler, isHead)
    } catch (error) {
      await this.run(this.scope.close)
      throw error
    }
  }

  private async respond(handler: () => Response | Promise<Response>, isHead: boolean): Promise<Response> {
    let response: Response
    try {
      response = await this.inScope(handler)
    } catch (error) {
      const answer = ReplayAnswer.fromError(error)
      const instead = await this.instead(500)
      if (answer !== undefined) return this.named(responseOf(answer))
      if (instead !== undefined) return instead
      throw error
    }
    if (isBare(response)) {
      await this.run(this.scope.close)
      return response
    }
    if (response.body === null || isHead) {
      // the cancellation is not awaited, because it may never end
      const { body } = response
      this.inScope(() => body?.cancel().catch(() => undefined))
      return await this.instead(response.status) ?? this.named(response, null)
    }
    const body = await peekBody(response.body, this.inScope)
    return body.isWhole
      ? await this.instead(response.status) ?? this.named(response, body.bytes)
      : this.streamed(response, body)
  }

  private readonly inScope: ContextRunner = (f) => this.within(() => TraceScope.runIn(this.scope.scope, f))

  /** Runs an effect; `undefined` when the client has been closed. */
  private run<A>(effect: Effect.Effect<A>): Promise<A | undefined> {
    return run(this.options.client, effect).catch(() => undefined)
  }

  /** The response with the name of its session. */
  private named(response: Response, body: ResponseBody = response.body): Response {
    const { status, statusText } = response
    const headers = new Headers(response.headers)
    headers.set(sessionHeader, this.scope.scope.sessionId)
    if (this.options.exposeSession === true) headers.set(...RequestScope.exposing((name) => headers.get(name)))
    return new Response(body, { status, statusText, headers })
  }

  /** Ends the scope. Returns the response that must replace the handler's, if there is one. */
  private async instead(status: number): Promise<Response | undefined> {
    const answer = await this.run(Effect.zipLeft(this.scope.answerInstead(status), this.scope.close))
    return answer === undefined ? undefined : this.named(responseOf(answer))
  }

  /** A body that arrives piece by piece stays in the scope, and in the replay, until its end. */
  private streamed(response: Response, body: PiecewiseBody): Response {
    const { options, scope } = this
    const hook = RequestScope.promiseHook(options.onReplayError)
    let ending: Promise<unknown> | undefined
    // a cancellation also ends the pending read
    const ended = (isWell: boolean): Promise<unknown> =>
      ending ??= this.run(
        Effect.zipRight(RequestScope.report(scope, isWell ? response.status : 500, hook), scope.close)
      )
    return this.named(response, streamOf(body, ended))
  }
}
