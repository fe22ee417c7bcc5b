/** The live services in front of answers that are made up as bytes: no socket is opened. */
import { layerOverHttp, type Services } from "@effect-noukai/sdk/Noukai"
import * as NoukaiHttp from "@effect-noukai/sdk/NoukaiHttp"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { config } from "./client.js"

export interface MadeUp {
  readonly status: number
  readonly headers?: Record<string, string> | undefined
  readonly body: Uint8Array | string
  /** Where the body is cut into the chunks that arrive. Default: nowhere. */
  readonly cuts?: ReadonlyArray<number> | undefined
}

const withoutBody: ReadonlySet<number> = new Set([204, 205, 304])

const bodyOf = ({ body, cuts = [], status }: MadeUp): ReadableStream<Uint8Array> | null => {
  if (withoutBody.has(status)) return null
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return new ReadableStream({
    start: (controller) => {
      at.slice(1).forEach((end, place) => controller.enqueue(bytes.slice(at[place], end)))
      controller.close()
    }
  })
}

/** Answers the n-th request with the n-th of these, and the last one again after that. */
export const answering = (...answers: ReadonlyArray<MadeUp>): Layer.Layer<Services> => {
  let requests = 0
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      const answer = answers[Math.min(requests++, answers.length - 1)]!
      const { headers = {}, status } = answer
      return HttpClientResponse.fromWeb(request, new Response(bodyOf(answer), { status, headers }))
    })
  )
  return Layer.provide(
    Layer.provideMerge(layerOverHttp, NoukaiHttp.layerHttpClient),
    [config({ maxRetries: 0, baseUrl: "http://127.0.0.1:1/api/v1" }), Layer.succeed(HttpClient.HttpClient, client)]
  )
}
