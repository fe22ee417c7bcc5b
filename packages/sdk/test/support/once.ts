/** Flows of an emulator that run once per key, and what became of them. */
import { Emulator, type EmulatorOptions, type Flow as EmulatedFlow } from "@effect-noukai/emulator"
import { FlowService, JobService, Noukai } from "@effect-noukai/sdk"
import { Effect, Layer } from "effect"

export const echo = "acme/test/echo"

export const flows: ReadonlyArray<EmulatedFlow> = [
  { ref: echo, steps: [{ kind: "template", id: "a", output: { said: "{{message}}" } }] },
  { ref: "acme/test/secretive", capture: "metadata_only", steps: [{ kind: "template", id: "a", output: 1 }] },
  { ref: "acme/test/redacted", capture: "redacted", steps: [{ kind: "template", id: "a", output: { token: "x" } }] },
  { ref: "acme/test/untraced", capture: "off", steps: [{ kind: "template", id: "a", output: 1 }] },
  { ref: "acme/test/long", steps: [{ kind: "template", id: "a", output: "x".repeat(2_000_000) }] },
  {
    ref: "acme/test/failing",
    steps: [
      { kind: "template", id: "a", output: 1 },
      { kind: "fail", id: "b", code: "X", message: "it broke" }
    ]
  },
  { ref: "acme/test/slow", steps: [{ kind: "template", id: "a", output: { late: true }, duration: "1 minute" }] }
]

export const setup = (options: EmulatorOptions = {}) =>
  Layer.provideMerge(
    Noukai.layerServices,
    Emulator.layer({ flows, organisations: { acme: { capture: "full" } }, ...options })
  )

export const posts = Effect.flatMap(
  Emulator,
  (emulator) => Effect.map(emulator.ledger, ({ requests }) => requests.filter(({ method }) => method === "POST"))
)

export const runs = Effect.flatMap(Emulator, (emulator) => Effect.map(emulator.ledger, (ledger) => ledger.runs))

/** UUID v5 over the JSON of what names an attempt, as any other program can make it. */
export const sessionOf = (ref: string, key: string, attempt = 1, version = "production") =>
  Effect.promise(async () => {
    const namespace = Uint8Array.from(Buffer.from("3b1f6a0e58c44b0c9f0e7d2a94c1b6e5", "hex"))
    const name = new TextEncoder().encode(JSON.stringify([...ref.split("/"), version, key, attempt]))
    const hash = Buffer.from(
      await crypto.subtle.digest("SHA-1", new Uint8Array([...namespace, ...name]))
    ).subarray(0, 16)
    hash[6] = (hash[6]! & 0x0f) | 0x50
    hash[8] = (hash[8]! & 0x3f) | 0x80
    return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
  })

export const executeOnce = (key: string, ref: string, input: object = {}) =>
  Effect.flatMap(FlowService, (service) => service.executeOnce(key, ref, { message: "hi", ...input }))

/** The errors of both operations. */
export const failures = (key: string, ref: string, input: object = {}) =>
  Effect.gen(function*() {
    const jobs = yield* JobService
    return [
      yield* Effect.flip(executeOnce(key, ref, input)),
      yield* Effect.flip(jobs.submitOnce(key, ref, { message: "hi", ...input }))
    ]
  })
