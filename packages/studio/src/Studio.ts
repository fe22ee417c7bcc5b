/**
 * The server of the studio: its page, and the API that the page reads.
 *
 * @since 0.1.0
 */
import { isCount, misnamed, type Names } from "@effect-noukai/sdk/kit/names"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  type Stats,
  writeFileSync
} from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import * as Absent from "./internal/absent.js"
import * as AgainHandlers from "./internal/againHandlers.js"
import * as Assets from "./internal/assets.js"
import * as CompareHandlers from "./internal/compareHandlers.js"
import * as EmulatorHandlers from "./internal/emulatorHandlers.js"
import * as Events from "./internal/events.js"
import * as FindHandlers from "./internal/findHandlers.js"
import * as Finding from "./internal/finding.js"
import { derived, guard, hostInUrl, isLoopback, plain, secured } from "./internal/guard.js"
import * as Handlers from "./internal/handlers.js"
import * as KeepHandlers from "./internal/keepHandlers.js"
import * as LedgerHandlers from "./internal/ledgerHandlers.js"
import * as NumbersHandlers from "./internal/numbersHandlers.js"
import * as ReconcileHandlers from "./internal/reconcileHandlers.js"
import { type Mask, maskOf } from "./internal/text.js"
import type { Source } from "./RunsApi.js"
import { StudioApi } from "./StudioApi.js"
import { StudioEmulator } from "./StudioEmulator.js"
import { StudioLedgers } from "./StudioLedgers.js"
import { StudioRunner } from "./StudioRunner.js"
import { StudioSource } from "./StudioSource.js"

/**
 * The server could not start. `PortInUse`: another process listens on the port. `Listen`: the address cannot be listened on.
 * `Secret`: other users of this machine may know the secret of {@link secretOf}. `Options`: an option is wrong or unknown. `Search`:
 * {@link forget} cannot delete the file.
 *
 * @since 0.1.0
 * @category errors
 */
export class StudioError extends Schema.TaggedError<StudioError>("@effect-noukai/studio/StudioError")("StudioError", {
  reason: Schema.Literal("PortInUse", "Listen", "Secret", "Options", "Search"),
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

/**
 * The options of {@link serve}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** The port; 0 is any free one. Default: 0. */
  readonly port?: number | undefined
  /** Whether to take one of the next 20 ports, or else any free one, where the port is taken. Default: false. */
  readonly orNext?: boolean | undefined
  /** The address to listen on. Default: `127.0.0.1`, so that no other machine can connect. */
  readonly host?: string | undefined
  /** The folder of the built page, as a path or a `file:` URL. Default: the one of this package. */
  readonly assets?: string | URL | undefined
  /**
   * Browsers that opened a studio of the same secret and port need not open the printed address again after a restart.
   * {@link secretOf} keeps one in a file. Default: random.
   */
  readonly secret?: Redacted.Redacted<string> | undefined
  /**
   * Texts to mask in all responses, events and exports, such as the key. Texts that look like keys of Noukai are always
   * masked. Default: none.
   */
  readonly hidden?: ReadonlyArray<Redacted.Redacted<string>> | undefined
  /**
   * The file of the search over all runs. It is made when a reader of the page asks for the search. {@link forget} deletes it.
   * Default: none, without the search.
   */
  readonly search?: string | undefined
}

/**
 * The types of {@link Studio}.
 *
 * @since 0.1.0
 * @category models
 */
export declare namespace Studio {
  /**
   * A running studio.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** The address to open. It has a token, without which the studio answers nobody. */
    readonly url: string
    readonly port: number
    /** The address that it listens on, such as `0.0.0.0:8081`. */
    readonly address: string
    /** Whether other machines can connect. */
    readonly isOpen: boolean
  }
}

/**
 * A running studio. {@link layer} starts one.
 *
 * @since 0.1.0
 * @category tags
 */
export class Studio extends Context.Tag("@effect-noukai/studio/Studio")<Studio, Studio.Service>() {}

const names: Names<Options> = {
  port: true,
  orNext: true,
  host: true,
  assets: true,
  secret: true,
  hidden: true,
  search: true
}

/** Fails for an unknown option, and for a port that is not a number of one. */
const checked = (options: Options): Effect.Effect<void, StudioError> =>
  Effect.suspend(() => {
    const found = misnamed("options", options, names) ??
      (options.port === undefined || isCount(options.port, 0, 65_535)
        ? undefined
        : { field: "port", reason: `must be a whole number from 0 to 65535, not ${options.port}` })
    return found === undefined
      ? Effect.void
      : new StudioError({ reason: "Options", message: `invalid ${found.field}: ${found.reason}` })
  })

const listenError = (error: unknown, host: string, port: number): StudioError => {
  const { code, message } = error as NodeJS.ErrnoException
  return code === "EADDRINUSE"
    ? new StudioError({
      reason: "PortInUse",
      message: `Port ${port} of ${host} is taken by another process.`,
      cause: error
    })
    : new StudioError({ reason: "Listen", message: `Cannot listen on ${host}:${port}: ${message}`, cause: error })
}

/** The number of ports after the wanted one that are tried. */
const tries = 20

const listening = Effect.fnUntraced(function*(host: string, port: number) {
  const node = createServer({ noDelay: true })
  // one that comes before the studio serves would have no answer: its sender connects again
  const early = ({ socket }: IncomingMessage) => socket.destroy()
  node.on("request", early)
  const server = yield* Effect.mapError(
    NodeHttpServer.make(() => node, { host, port }),
    ({ cause }) => listenError(cause, host, port)
  )
  // streams of events have no end of their own
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      node.close()
      node.closeAllConnections()
    })
  )
  return { server, serves: Effect.sync(() => node.off("request", early)) }
})

const secretShape = /^[\w-]{22}$/

/** Why others than this user may know what a file of POSIX keeps. */
const doubtOf = ({ mode, uid }: Stats): string | undefined => {
  const own = process.getuid?.()
  if (own === undefined) return undefined
  if (uid !== own) return `belongs to the user ${uid}, not to ${own}`
  const access = mode & 0o777
  return (access & 0o077) === 0
    ? undefined
    : `has mode ${access.toString(8).padStart(4, "0")}, with which other users can ${
      (access & 0o022) === 0 ? "read" : "write"
    } it`
}

/** Reads a secret. Returns `undefined` where there is none. */
const readSecret = (file: string): Either.Either<string | undefined, StudioError> => {
  // of a file that is exchanged meanwhile, the one that was looked at is read. A pipe would never open
  const opened = Either.try(() => openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)))
  if (Either.isLeft(opened)) return Either.right(undefined)
  const doubt = doubtOf(fstatSync(opened.right))
  const text = doubt === undefined ? Either.try(() => readFileSync(opened.right, "utf8").trim()) : Either.right("")
  closeSync(opened.right)
  return doubt === undefined
    ? Either.right(Either.isRight(text) && secretShape.test(text.right) ? text.right : undefined)
    : Either.left(
      new StudioError({
        reason: "Secret",
        message:
          `${file}, the secret of the studio, ${doubt}. Delete it (\`rm '${file}'\`): the next start makes a new one with mode 0600.`
      })
    )
}

/**
 * Returns the secret that a file keeps, which is made if it is missing. Returns `undefined` where it cannot be kept.
 *
 * Fails with `StudioError` if the file belongs to another user, or if other users can read or write it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const secretOf = (file: string): Effect.Effect<Redacted.Redacted<string> | undefined, StudioError> =>
  Effect.gen(function*() {
    const written = () => {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      // of two that start at once, the first one writes
      writeFileSync(file, randomBytes(16).toString("base64url"), { mode: 0o600, flag: "wx" })
    }
    const known = (yield* readSecret(file)) ?? (Either.try(written), yield* readSecret(file))
    return known === undefined ? undefined : Redacted.make(known)
  })

/**
 * Deletes the file of the search over all runs. Returns whether it was there. A studio that runs keeps no more texts until a
 * reader asks for the search again.
 *
 * Fails with `StudioError` if the file cannot be deleted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const forget = (file: string): Effect.Effect<boolean, StudioError> =>
  Effect.try({
    try: () => {
      const isThere = existsSync(file)
      // a process that was killed leaves some beside it
      for (const end of ["", "-journal", "-wal", "-shm"]) rmSync(`${file}${end}`, { force: true })
      return isThere
    },
    catch: (cause) => new StudioError({ reason: "Search", message: `Cannot delete ${file}: ${String(cause)}`, cause })
  })

/** Masks keys in the JSON of a response. Events and exports mask their own. */
const withoutKeys =
  (mask: Mask) => (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
    const { body } = response
    if (body._tag !== "Uint8Array") return response
    const text = Buffer.from(body.body).toString()
    const safe = mask(text)
    return safe === text ? response : HttpServerResponse.text(safe, {
      status: response.status,
      headers: response.headers,
      contentType: body.contentType
    })
  }

/** The most bytes of the body of a request, and of one that begins a run. The connection of a longer one is closed. */
const mostBody = { standard: FileSystem.Size(64 * 1024), run: FileSystem.Size(4 * 1024 * 1024) }

/** Responds to a request whose handler failed: an unknown endpoint, or a defect of the studio. */
const whenFailed =
  (mask: Mask) => (cause: Cause.Cause<unknown>): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
    const error = Cause.squash(cause)
    if (Predicate.isTagged(error, "RouteNotFound")) return Effect.succeed(plain(404, "There is no such endpoint."))
    return Predicate.isTagged(error, "RequestError")
      ? Effect.succeed(plain(400, "The body of the request is not JSON."))
      : Effect.as(Effect.logError("The studio failed to answer", mask(Cause.pretty(cause))), failed)
  }

const failed = plain(500, "The studio failed. Its terminal says why.")

/**
 * Serves the page and its API for the life of the scope. Requests need the token of the printed address, which is traded for
 * a cookie, and only requests that name this server are answered. A view of the emulator is there if `StudioEmulator` is
 * provided, too, and the page starts runs if `StudioRunner` is.
 *
 * Fails with `StudioError` if the server cannot listen, or for a wrong or unknown option.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (
  options: Options = {}
): Effect.Effect<Studio.Service, StudioError, StudioSource | Scope.Scope> =>
  Effect.gen(function*() {
    yield* checked(options)
    const { assets = new URL("../assets/", import.meta.url), host = "127.0.0.1", port: wanted = 0 } = options
    const mask = maskOf((options.hidden ?? []).map(Redacted.value))
    const token = randomBytes(16).toString("base64url")
    const secret = options.secret === undefined ? randomBytes(16).toString("base64url") : Redacted.value(options.secret)
    const from = (next: number): ReturnType<typeof listening> =>
      listening(host, next).pipe(Effect.catchIf(
        ({ reason }) => reason === "PortInUse" && options.orNext === true,
        () => from(next < wanted + tries && next < 65_535 ? next + 1 : 0)
      ))
    const { server, serves } = yield* from(wanted)
    const port = server.address._tag === "TcpAddress" ? server.address.port : wanted
    const page = yield* Assets.make(assets instanceof URL ? fileURLToPath(assets) : assets)
    const encode = Events.encoder(mask)
    const studio = randomBytes(8).toString("base64url")
    const hello = encode("hello", { id: studio })
    const emulator = Option.getOrUndefined(yield* Effect.serviceOption(StudioEmulator))
    const ledgers = Option.getOrUndefined(yield* Effect.serviceOption(StudioLedgers))
    const runner = Option.getOrUndefined(yield* Effect.serviceOption(StudioRunner))
    const views: Source["views"] = [
      ...ledgers === undefined ? [] : ["batches", "evals"] as const,
      ...emulator === undefined ? [] : ["emulator"] as const
    ]
    const platform = yield* Layer.build(NodeHttpServer.layerContext)
    const plainSource = yield* StudioSource
    const finding = options.search === undefined
      ? undefined
      : yield* Finding.make(options.search, mask, plainSource)
    const source = finding?.source ?? plainSource
    const scope = yield* Effect.scope
    // its schemas take time to build: for the first request, not for the start
    const api = yield* Effect.gen(function*() {
      const context = yield* Layer.build(
        Layer.mergeAll(
          HttpApiBuilder.api(StudioApi).pipe(Layer.provide([
            Handlers.layer({ encode, hello, mask }, views),
            ledgers === undefined
              ? Layer.merge(Absent.batches, Absent.evals)
              : LedgerHandlers.layer(ledgers, hello, encode, mask),
            emulator === undefined ? Absent.emulator : EmulatorHandlers.layer(emulator, hello, encode),
            CompareHandlers.layer(mask),
            AgainHandlers.layer(runner, studio, mask),
            KeepHandlers.layer(mask),
            finding === undefined ? Absent.find : FindHandlers.layer(finding),
            NumbersHandlers.layer,
            ledgers === undefined ? Absent.reconcile : ReconcileHandlers.layer(ledgers, { encode, hello, mask })
          ])),
          HttpApiBuilder.Middleware.layer,
          Layer.succeedContext(platform)
        ).pipe(Layer.provideMerge(HttpApiBuilder.Router.Live))
      )
      const app = yield* Effect.provide(HttpApiBuilder.httpApp, context)
      // an app is an effect, which would be run
      return [Effect.map(app, withoutKeys(mask))] as const
    }).pipe(
      Scope.extend(scope),
      Effect.provideService(StudioSource, source),
      // a page that leaves meanwhile must not end it for the others
      Effect.uninterruptible,
      Effect.cached
    )
    const routed = Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      ({ url }) => {
        if (!url.startsWith("/api/")) return page
        const answered = Effect.flatMap(api, ([app]) => app)
        return url === "/api/again"
          ? HttpServerRequest.withMaxBodySize(answered, Option.some(mostBody.run))
          : answered
      }
    )
    const app = guard({ host, port, token, cookie: derived(secret, `noukai-studio-${port}`) })(routed).pipe(
      Effect.catchAllCause((cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.failCause(cause)
          : whenFailed(mask)(cause)
      ),
      Effect.map(secured)
    )
    yield* HttpServer.serveEffect(app).pipe(
      Effect.provideService(HttpServer.HttpServer, server),
      Effect.provide(platform),
      HttpServerRequest.withMaxBodySize(Option.some(mostBody.standard)),
      // the address of a request may have the token
      HttpMiddleware.withTracerDisabledWhenEffect(() => true)
    )
    yield* serves
    const name = isLoopback(host) || host === "0.0.0.0" || host === "::" ? "127.0.0.1" : hostInUrl(host)
    return {
      url: `http://${host === "::1" ? "[::1]" : name}:${port}/?token=${token}`,
      port,
      address: `${hostInUrl(host)}:${port}`,
      isOpen: !isLoopback(host)
    }
  })

/**
 * Serves the page and its API: {@link serve}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Studio, StudioError, StudioSource> =>
  Layer.scoped(Studio, serve(options))
