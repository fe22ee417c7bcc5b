/** The body of Node's request. It is read only as far as it is pulled. */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { broken, ended, type Pull } from "../relay/readBody.js"
import type { NodeRequest } from "./messages.js"

class Reader {
  private parts: Array<Uint8Array> = []
  private end: Pull | undefined
  private wake: ((pull: Pull) => void) | undefined

  constructor(private readonly request: NodeRequest) {
    request.pause()
    for (const [event, listener] of this.listeners) request.on(event, listener)
  }

  readonly pull: Pull = Effect.suspend(() => this.parts.length > 0 ? this.take : this.end ?? this.wait)

  private readonly take: Pull = Effect.sync(() => {
    const { parts } = this
    this.parts = []
    return Chunk.unsafeFromArray(parts)
  })

  private readonly wait: Pull = Effect.async((resume) => {
    this.wake = resume
    this.request.resume()
    return Effect.sync(() => {
      this.wake = undefined
      this.request.pause()
    })
  })

  private settle(pull: Pull): void {
    this.wake?.(pull)
    this.wake = undefined
  }

  private readonly onData = (bytes: Uint8Array): void => {
    this.request.pause()
    this.parts.push(bytes)
    this.settle(this.take)
  }

  private readonly ending = (pull: Pull) => (): void => this.settle(this.end ??= pull)

  private readonly listeners = Object.entries({
    data: this.onData,
    end: this.ending(ended),
    error: this.ending(broken),
    close: this.ending(broken)
  })

  detach(): void {
    for (const [event, listener] of this.listeners) this.request.off(event, listener)
  }
}

const encoder = new TextEncoder()

/** The bytes of a body that an earlier parser has read. */
const parsed = (body: unknown): Uint8Array | undefined => {
  if (body instanceof Uint8Array) return body
  if (typeof body === "string") return encoder.encode(body)
  try {
    const text: string | undefined = JSON.stringify(body)
    return text === undefined ? undefined : encoder.encode(text)
  } catch {
    return undefined
  }
}

const once = (bytes: Uint8Array): Pull => {
  let isTaken = false
  return Effect.suspend(() => {
    if (isTaken) return ended
    isTaken = true
    return Effect.succeed(Chunk.of(bytes))
  })
}

export const requestBody = (request: NodeRequest): Effect.Effect<Pull, never, Scope.Scope> => {
  if (request.readableEnded) {
    const bytes = parsed(request.body)
    return Effect.succeed(bytes === undefined ? broken : once(bytes))
  }
  return Effect.map(
    Effect.acquireRelease(Effect.sync(() => new Reader(request)), (reader) => Effect.sync(() => reader.detach())),
    (reader) => reader.pull
  )
}
