/** Ports that stay free until their program listens. */
import { Effect, Random } from "effect"
import { createServer } from "node:net"

const isFree = (port: number): Effect.Effect<boolean> =>
  Effect.async((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen(port, "127.0.0.1", () => server.close(() => resume(Effect.succeed(true))))
  })

/** A free port below those that the system gives to outgoing connections. */
export const freePort: Effect.Effect<number> = Effect.gen(function*() {
  while (true) {
    const port = yield* Random.nextIntBetween(20_000, 32_000)
    if (yield* isFree(port)) return port
  }
})
