import { Effect, Layer } from "effect"
import { grade } from "../grade.js"
import { Collected } from "./collector.js"
import { NoukaiFromEnv } from "./noukaiPort.js"

export const collected = grade.pipe(
  Effect.withSpan("grading"),
  Effect.provide(Layer.merge(NoukaiFromEnv, Collected))
)
