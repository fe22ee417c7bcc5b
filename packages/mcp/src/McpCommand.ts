/**
 * The command `noukai mcp`, over a client.
 *
 * @since 0.1.0
 */
import type { Noukai } from "@effect-noukai/promise"
import { serveStdio } from "@modelcontextprotocol/server/stdio"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import { randomBytes, randomUUID } from "node:crypto"
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Http from "./internal/http.js"
import * as State from "./internal/state.js"
import type { McpConfig } from "./McpConfig.js"
import { McpConfigError } from "./McpConfigError.js"
import { mcpServer, type NoukaiMcpServer } from "./McpServer.js"

/**
 * The options of {@link run}.
 *
 * @since 0.1.0
 * @category options
 */
export interface McpCommandOptions {
  /** The path of the config. */
  readonly config: string
  /** Writes the tools to `write`, and ends. */
  readonly check: boolean
  /** The address for streamable HTTP, such as `127.0.0.1:3700`. Absent: stdio. */
  readonly http?: string | undefined
  /** The token of requests over HTTP. Absent: a new one, in a file that only the user can read. */
  readonly token?: string | undefined
  /** Writes a result to stdout. */
  readonly write: (text: string) => Effect.Effect<void>
  /** Writes one line to stderr. */
  readonly note: (text: string) => Effect.Effect<void>
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

const fail = (problem: string) => Effect.fail(new McpConfigError([problem]))

const wrong = (text: string) => (error: unknown) => new McpConfigError([`${text}: ${messageOf(error)}`])

const read = (path: string): Effect.Effect<McpConfig, McpConfigError> =>
  Effect.try({ try: () => readFileSync(path, "utf8"), catch: wrong(`cannot read ${path}`) }).pipe(
    // the parser's message quotes the text, which may be a key
    Effect.flatMap((text) =>
      Effect.try({
        try: () => JSON.parse(text.replace(/^\ufeff/, "")),
        catch: () => new McpConfigError([`${path} is not JSON`])
      })
    )
  )

const addressOf = (text: string, token: string | undefined): Effect.Effect<Http.Address, McpConfigError> => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535) {
    return fail(`--http must be an address such as 127.0.0.1:3700, not ${JSON.stringify(text)}`)
  }
  if (token !== undefined || Http.isLoopback(host)) return Effect.succeed({ host, port: Number(port) })
  return fail(
    `--http ${text} can be reached from other machines: set --token-env to the name of a variable with a token`
  )
}

/** Writes a new token to a file of the user. The file is removed at the end. */
const tokenFile = (token: string, port: number) =>
  Effect.flatMap(State.folder, (folder) => {
    const path = join(folder, `token-${port}`)
    const put = () => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const next = `${path}.${randomUUID()}`
      writeFileSync(next, `${token}\n`, { mode: 0o600, flag: "wx" })
      renameSync(next, path)
      return path
    }
    return Effect.acquireRelease(
      Effect.try({ try: put, catch: wrong(`cannot write the token to ${path}`) }),
      () => Effect.sync(() => rmSync(path, { force: true }))
    )
  })

/** Serves over stdio until the agent has closed it, also by its death. */
const overStdio = (server: NoukaiMcpServer, log: (text: string) => void) =>
  Effect.acquireUseRelease(
    Effect.sync(() => serveStdio(server, { onerror: ({ message }) => log(`stdio: ${message}`) })),
    () =>
      Effect.async<void>((resume) => {
        const end = () => resume(Effect.void)
        process.stdin.once("end", end).once("close", end)
        process.stdout.once("error", end).once("close", end)
      }),
    (connection) => Effect.promise(() => connection.close())
  )

const overHttp = Effect.fnUntraced(
  function*(server: NoukaiMcpServer, at: Http.Address, options: McpCommandOptions, log: (text: string) => void) {
    const token = options.token ?? randomBytes(32).toString("base64url")
    const address = yield* Effect.mapError(
      Http.listen(server, at, token, log),
      wrong(`cannot listen on ${Http.urlOf(at)}`)
    )
    if (options.token === undefined) {
      yield* options.note(
        `requests need the token in ${yield* tokenFile(token, address.port)}: Authorization: Bearer <token>`
      )
    }
    yield* options.note(`MCP is served at ${Http.urlOf(address)} until Ctrl-C`)
    return yield* Effect.never
  }
)

/**
 * Serves the flows of a config, or writes its tools. Ends when the agent closes stdin: then all runs stop. Only the
 * protocol goes to stdout.
 *
 * Fails with an `McpConfigError` for a wrong config or address, before anything is sent.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (noukai: Noukai, options: McpCommandOptions): Effect.Effect<void, McpConfigError> =>
  Effect.scoped(Effect.gen(function*() {
    const config = yield* read(options.config)
    const address = options.http === undefined ? undefined : yield* addressOf(options.http, options.token)
    const folder = yield* Effect.mapError(State.folder, wrong("there is no state folder"))
    const runSync = Runtime.runSync(yield* Effect.runtime<never>())
    const log = (text: string) => runSync(options.note(text))
    const server = yield* Effect.acquireRelease(
      Effect.try({
        try: () =>
          mcpServer(noukai, config, {
            log,
            budgetPath: join(folder, `budget-${State.hashed(realpathSync(options.config))}`)
          }),
        catch: (error) => error instanceof McpConfigError ? error : wrong("the config cannot be used")(error)
      }),
      (server) => Effect.promise(server.close)
    )
    if (options.check) return yield* options.write(`${JSON.stringify({ tools: server.tools }, null, 2)}\n`)
    return yield* address === undefined ? overStdio(server, log) : overHttp(server, address, options, log)
  })).pipe(Effect.catchTag("ConfigError", (error) => fail(String(error))))
