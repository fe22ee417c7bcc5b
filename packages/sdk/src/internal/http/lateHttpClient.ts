/**
 * The transport over a platform `HttpClient`, whose modules are loaded when it is made: they are a tenth of what a program
 * loads. Bundlers take `httpClient.ts` itself (the condition `module`), since a module that is imported late keeps some of
 * them from joining those that it shares with others.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HttpTransport } from "./HttpTransport.js"

export const make: Effect.Effect<HttpTransport, never, HttpClient.HttpClient | Scope.Scope> = Effect.flatMap(
  Effect.promise(() => import("./httpClient.js")),
  ({ make }) => make
)
