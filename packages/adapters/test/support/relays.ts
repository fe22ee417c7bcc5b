/** The relay on every framework. */
import type { Relay } from "@effect-noukai/adapters"
import { noukaiRelayHandler } from "@effect-noukai/adapters/express"
import { createRelayRoute } from "@effect-noukai/adapters/nextjs"
import * as Platform from "@effect-noukai/adapters/platform"
import { relay, sessions } from "@effect-noukai/adapters/web"
import { Noukai as PromiseNoukai } from "@effect-noukai/promise"
import { Noukai } from "@effect-noukai/sdk"
import { HttpApp, HttpRouter, HttpServer } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, Logger, ManagedRuntime, Redacted } from "effect"
import express5 from "express"
import express4 from "express4"
import { Hono } from "hono"
import { createServer } from "node:http"
import { listen, listenWeb, urlOf } from "./listen.js"
import { plantedKey, type RunningApp } from "./world.js"

export interface RelaySetup extends Relay.Limits {
  /** Of what stands for Noukai. */
  readonly port: number
  readonly authorize: (authorization: string | undefined, body: Relay.Body) => unknown
  /** Everything that is logged. */
  readonly onLog?: ((text: string) => void) | undefined
}

/** A relay at `/agent/execute`. */
export interface RelayFramework {
  readonly name: string
  readonly start: (setup: RelaySetup) => Promise<RunningApp>
}

const promiseClient = ({ onLog, port }: RelaySetup) =>
  new PromiseNoukai({
    apiKey: plantedKey,
    env: "dev",
    port,
    maxRetries: 3,
    logPayloads: true,
    ...(onLog === undefined ? {} : { onLog: (event) => onLog(JSON.stringify(event)) })
  })

/** Of code that the compiler has not seen. */
const verdict = (given: unknown) => given as Relay.Verdict

const limits = ({ authorize: _, onLog: __, port: ___, ...rest }: RelaySetup): Relay.Limits => rest

const inExpress = (make: typeof express5, parsesFirst: boolean) => async (setup: RelaySetup) => {
  const client = promiseClient(setup)
  const app = make()
  if (parsesFirst) app.use(make.json({ limit: "10mb" }), make.text({ limit: "10mb" }))
  app.all(
    "/agent/execute",
    noukaiRelayHandler({
      ...limits(setup),
      client,
      authorize: (request, body) => verdict(setup.authorize(request.headers.authorization as string | undefined, body))
    })
  )
  return listen(app, () => client.close())
}

const handler = (setup: RelaySetup, make: typeof relay) => {
  const client = promiseClient(setup)
  const route = make({
    ...limits(setup),
    client,
    authorize: (request, body) => verdict(setup.authorize(request.headers.get("authorization") ?? undefined, body))
  })
  return { client, route, close: () => client.close() }
}

const inWeb = async (setup: RelaySetup) => {
  const { close, route } = handler(setup, createRelayRoute)
  return listenWeb(route, close)
}

const inHono = (isTraced: boolean) => async (setup: RelaySetup) => {
  const { client, close, route } = handler(setup, relay)
  const app = new Hono()
  app.all("/agent/execute", (context) => route(context.req.raw))
  return listenWeb(isTraced ? sessions(app.fetch, { client }) : app.fetch, close)
}

const router = (setup: RelaySetup) =>
  Effect.map(
    Platform.relay({
      ...limits(setup),
      authorize: (request, body) =>
        Effect.tryPromise({
          try: async () => verdict(setup.authorize(request.headers.authorization, body)),
          catch: (error) => error as { readonly status?: number }
        })
    }),
    (relay) => HttpRouter.empty.pipe(HttpRouter.all("/agent/execute", relay))
  )

const live = ({ onLog, port }: RelaySetup) =>
  Layer.merge(
    Noukai.layer({
      apiKey: Redacted.make(plantedKey),
      baseUrl: `http://127.0.0.1:${port}/api/v1`,
      maxRetries: 3,
      logPayloads: true,
      ...(onLog === undefined ? {} : { log: (event) => onLog(JSON.stringify(event)) })
    }),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, cause, message }) =>
        onLog?.(`${String(message)} ${String(cause)} ${String(annotations)}`)
      )
    )
  )

const inPlatform = async (setup: RelaySetup): Promise<RunningApp> => {
  const server = createServer()
  const runtime = ManagedRuntime.make(
    Layer.unwrapEffect(Effect.map(router(setup), (router) => HttpServer.serve(router))).pipe(
      Layer.provide(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" })),
      Layer.provide(live(setup))
    )
  )
  await runtime.runPromise(Effect.void)
  return {
    url: urlOf(server),
    close: async () => {
      const closed = runtime.dispose()
      server.closeAllConnections()
      await closed
    }
  }
}

/** The same app as a handler of web requests. */
const inPlatformWeb = async (setup: RelaySetup): Promise<RunningApp> => {
  const runtime = ManagedRuntime.make(live(setup))
  const app = await runtime.runPromise(router(setup))
  const handler = HttpApp.toWebHandlerRuntime(await runtime.runtime())(app)
  return listenWeb((request) => handler(request), () => runtime.dispose())
}

export const relays: ReadonlyArray<RelayFramework> = [
  { name: "Express 4", start: inExpress(express4 as unknown as typeof express5, false) },
  { name: "Express 5", start: inExpress(express5, false) },
  { name: "HttpRouter", start: inPlatform },
  { name: "HttpRouter as a web handler", start: inPlatformWeb },
  { name: "web handler", start: inWeb },
  { name: "Hono", start: inHono(false) }
]

/** Within the middleware that captures and replays, which sees the answer first. */
export const traced: ReadonlyArray<RelayFramework> = [
  { name: "Hono, traced", start: inHono(true) }
]

/** Where a body parser has been before the relay; it has rules of its own for what is no JSON. */
export const afterParsers: ReadonlyArray<RelayFramework> = [
  { name: "Express 4 with body parsers", start: inExpress(express4 as unknown as typeof express5, true) },
  { name: "Express 5 with body parsers", start: inExpress(express5, true) }
]
