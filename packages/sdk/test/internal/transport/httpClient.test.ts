import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { fromHttpClient } from "../../../src/internal/transport/httpClient.js"
import { transportSuite } from "./transportSuite.js"

transportSuite({
  name: "HttpClient over node:http",
  make: Layer.build(Layer.provide(NodeHttpClient.layerWithoutAgent, NodeHttpClient.makeAgentLayer({ keepAlive: true })))
    .pipe(
      Effect.map((context) => fromHttpClient(Context.get(context, HttpClient.HttpClient)))
    ),
  reusesAtOnce: false,
  seesSocket: false,
  repeatsPull: false,
  noticesCutOfClosing: true,
  noticesReset: false
})
