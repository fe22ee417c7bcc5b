/**
 * A handler from a `Request` to a `Response` in the scope of its request.
 *
 * @internal
 */
import type { Noukai } from "@effect-noukai/promise"
import { run } from "@effect-noukai/promise/NoukaiPromise"
import type { ReplayError } from "@effect-noukai/sdk/NoukaiError"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import * as ReplayAnswer from "../../ReplayAnswer.js"
import { sessionHeader } from "../../TraceOptions.js"
import type { Within } from "../asyncContext.js"
import { jsonAnswer } from "../jsonAnswer.js"
import { exposeHeader, withSessionHeader } from "../trace/exposedHeaders.js"
import { promiseHook } from "../trace/promiseHook.js"
import * as RequestScope from "../trace/requestScope.js"
import { type Coming, peekBody } from "./peekBody.js"

interface Options {
  readonly client: Noukai
  readonly exposeSession?: boolean | undefined
  readonly onReplayError?: ((error: ReplayError) => void) | undefined
}

/** @internal */
export const answered = (answer: ReplayAnswer.ReplayAnswer): Response => {
  const { body, headers, status } = jsonAnswer(answer)
  return new Response(body, { status, headers })
}

type Body = ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null

/** What a response cannot be made of again: an upgrade, a network error. */
const isBare = ({ status }: Response): boolean => status < 200

const streamOf = (body: Coming, ended: (isWell: boolean) => Promise<void>): ReadableStream<Uint8Array> =>
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

/** @internal */
export class ScopedRequest {
  constructor(
    private readonly scope: RequestScope.Opened,
    private readonly options: Options,
    private readonly within: Within
  ) {}

  /** Whatever comes of the handler, the scope ends. */
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
      if (answer !== undefined) return this.named(answered(answer))
      if (instead !== undefined) return instead
      throw error
    }
    if (isBare(response)) {
      await this.run(this.scope.close)
      return response
    }
    if (response.body === null || isHead) {
      // whether it lets go is not ours to wait for
      const { body } = response
      this.inScope(() => body?.cancel().catch(() => undefined))
      return await this.instead(response.status) ?? this.named(response, null)
    }
    const body = await peekBody(response.body, this.inScope)
    return body.isWhole
      ? await this.instead(response.status) ?? this.named(response, body.bytes)
      : this.streamed(response, body)
  }

  private readonly inScope: Within = (f) => this.within(() => TraceScope.runIn(this.scope.scope, f))

  /** `undefined` when the client has been closed. */
  private run<A>(effect: Effect.Effect<A>): Promise<A | undefined> {
    return run(this.options.client, effect).catch(() => undefined)
  }

  /** The response, with the session that it belongs to. */
  private named(response: Response, body: Body = response.body): Response {
    const { status, statusText } = response
    const headers = new Headers(response.headers)
    headers.set(sessionHeader, this.scope.scope.sessionId)
    if (this.options.exposeSession === true) headers.set(exposeHeader, withSessionHeader(headers.get(exposeHeader)))
    return new Response(body, { status, statusText, headers })
  }

  /** What the response has to be instead, if it has to; the scope ends. */
  private async instead(status: number): Promise<Response | undefined> {
    const answer = await this.run(Effect.zipLeft(this.scope.answerInstead(status), this.scope.close))
    return answer === undefined ? undefined : this.named(answered(answer))
  }

  /** A body that comes piece by piece belongs to the scope while it comes, and to the replay until it has ended. */
  private streamed(response: Response, body: Coming): Response {
    const { options, scope } = this
    const hook = promiseHook(options.onReplayError)
    const ended = async (isWell: boolean): Promise<void> => {
      const reported = RequestScope.report(scope, isWell ? response.status : 500, hook)
      await this.run(Effect.zipRight(reported, scope.close))
    }
    return this.named(response, streamOf(body, ended))
  }
}
