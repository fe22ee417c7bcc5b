import { NodeHttpServer } from "@effect/platform-node"
import { Config, Layer } from "effect"
import { createServer } from "node:http"
import { NoukaiFromEnv } from "./noukaiPort.js"
import { SseServer } from "./sse.js"

/** `PORT=3001` is where this server listens. */
const HttpFromEnv = NodeHttpServer.layerConfig(createServer, {
  port: Config.withDefault(Config.port("PORT"), 3000)
})

export const Main = SseServer.pipe(Layer.provide(NoukaiFromEnv), Layer.provide(HttpFromEnv))
