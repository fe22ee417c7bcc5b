/** `noukai mcp`. */
import * as McpCommand from "@effect-noukai/mcp/McpCommand"
import { fromRuntime, type Services } from "@effect-noukai/promise/NoukaiPromise"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import { connection, flag, optional } from "../arguments/flags.js"
import { wrong } from "../exit/CommandError.js"
import { variable } from "../settings/environment.js"
import { services } from "../settings/services.js"
import { Terminal } from "../terminal/Terminal.js"
import { type InputOf, leaf } from "./leaf.js"

const config = {
  config: optional("config", "Read the tools from this file (noukai.mcp.json)."),
  check: flag("check", "Print the tools as an agent sees them; send nothing."),
  http: optional("http", "Serve HTTP at this address, such as 127.0.0.1:3700 (stdio)."),
  tokenEnv: optional("token-env", "Require the token in this variable (a new one in a file)."),
  ...connection
}

const handle = Effect.fnUntraced(function*(input: InputOf<typeof config>) {
  const { note, write } = yield* Terminal
  const named = Option.getOrUndefined(input.tokenEnv)
  const token = named === undefined ? undefined : variable(named)
  if (named !== undefined && token === undefined) return yield* wrong(`--token-env: the variable ${named} is not set`)
  return yield* Effect.gen(function*() {
    const runtime = ManagedRuntime.make(Layer.succeedContext(yield* Effect.context<Services>()))
    const noukai = yield* Effect.promise(() => fromRuntime(runtime))
    const path = Option.getOrElse(input.config, () => "noukai.mcp.json")
    const options = { config: path, check: input.check, http: Option.getOrUndefined(input.http), token, note, write }
    yield* Effect.mapError(McpCommand.run(noukai, options), ({ problems }) => wrong(problems.join("; ")))
  }).pipe(Effect.provide(services(input, undefined, input.check)))
})

export const command = leaf("mcp", "Serve flows as MCP tools of agents.", config, handle)
