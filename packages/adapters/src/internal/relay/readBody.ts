/**
 * Reads the body of a request within its bounds.
 *
 * @see docs/wire.md#relays
 */
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

/** The next bytes of a body; `None` at its end. */
export type Pull = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<unknown>>

/**
 * The error codes of a body that was not read to its end. A body that breaks off or is not UTF-8 counts as invalid
 * JSON.
 */
export type ReadProblem = "BODY_TOO_LARGE" | "BODY_TOO_SLOW" | "INVALID_JSON"

/** The pull of a body that has ended. */
export const ended: Pull = Effect.fail(Option.none())

/** The pull of a body that has broken off, or cannot be read. */
export const broken: Pull = Effect.fail(Option.some("broken"))

interface ReadLimits {
  readonly maxBytes: number
  /** The time for the whole body. */
  readonly timeout: Duration.DurationInput
}

/** The length that the request declares, if it is a number. */
const declaredLength = (value: string | undefined): number =>
  value !== undefined && /^\d+$/.test(value) ? Number(value) : 0

const decode = (parts: ReadonlyArray<Uint8Array>): Either.Either<string, "INVALID_JSON"> =>
  Either.try({
    try: () => {
      const text = new TextDecoder("utf-8", { fatal: true })
      return parts.map((part) => text.decode(part, { stream: true })).join("") + text.decode()
    },
    catch: () => "INVALID_JSON" as const
  })

/** The parts of a whole body. After any failure the rest of the body is still unread. */
export const readParts = (
  pull: Pull,
  contentLength: string | undefined,
  limits: ReadLimits
): Effect.Effect<ReadonlyArray<Uint8Array>, ReadProblem> =>
  Effect.suspend(() => {
    if (declaredLength(contentLength) > limits.maxBytes) return Effect.fail("BODY_TOO_LARGE")
    const parts: Array<Uint8Array> = []
    let size = 0
    const more: Effect.Effect<void, ReadProblem> = Effect.matchEffect(pull, {
      onFailure: (end) => end._tag === "None" ? Effect.void : Effect.fail("INVALID_JSON"),
      onSuccess: (chunk) => {
        for (const bytes of chunk) {
          size += bytes.length
          if (size > limits.maxBytes) return Effect.fail("BODY_TOO_LARGE")
          parts.push(bytes)
        }
        return more
      }
    })
    return more.pipe(
      Effect.timeoutFail({ duration: limits.timeout, onTimeout: (): ReadProblem => "BODY_TOO_SLOW" }),
      // the timeout also fires in an uninterruptible region, and a failed sibling does not wait for it
      Effect.interruptible,
      Effect.disconnect,
      Effect.as(parts)
    )
  })

/** The whole body as text. After any failure the rest of the body is still unread. */
export const readBody = (
  pull: Pull,
  contentLength: string | undefined,
  limits: ReadLimits
): Effect.Effect<string, ReadProblem> => Effect.flatMap(readParts(pull, contentLength, limits), decode)

const most = {
  bytes: 64 * 1024 * 1024,
  /** The time for the rest of the body. */
  time: Duration.seconds(30),
  /** The time between two parts. */
  pause: Duration.seconds(2)
}

/**
 * Reads on and drops the bytes, so that a client that is still sending receives the response and can reuse its
 * connection. Returns true if the body ended or broke off, and false if it is too long or too slow.
 */
export const linger = (pull: Pull): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    let left = most.bytes
    const next = Effect.matchEffect(Effect.timeoutOption(pull, most.pause), {
      onFailure: () => Effect.succeed(true),
      onSuccess: (chunk): Effect.Effect<boolean> => {
        if (chunk._tag === "None") return Effect.succeed(false)
        left -= Chunk.reduce(chunk.value, 0, (sum, bytes) => sum + bytes.length)
        return left < 0 ? Effect.succeed(false) : next
      }
    })
    return Effect.map(
      Effect.timeoutOption(Effect.interruptible(next), most.time),
      Option.getOrElse(() => false)
    )
  })

/** Whether a request declares a body. */
export const declaresBody = (header: (name: string) => string | null | undefined): boolean => {
  const length = header("content-length") ?? "0"
  return length !== "0" || (header("transfer-encoding") ?? "") !== ""
}
