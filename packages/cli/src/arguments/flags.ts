/** Flags and arguments that many commands have. */
import * as Args from "@effect/cli/Args"
import type * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import type * as Arr from "effect/Array"

/** A flag without a value. */
export const flag = (name: string, does: string) => Options.withDescription(Options.boolean(name), does)

/** A flag with an optional text. */
export const optional = (name: string, does: string) =>
  Options.optional(Options.withDescription(Options.text(name), does))

/** A flag with an optional whole number. */
export const whole = (name: string, does: string) =>
  Options.optional(Options.withDescription(Options.integer(name), does))

/** A flag with a text, which may be repeated. */
export const repeated = (name: string, does: string) =>
  Options.repeated(Options.withDescription(Options.text(name), does))

/** A flag with one of some values. */
export const oneOf = <const A extends string>(name: string, values: Arr.NonEmptyReadonlyArray<A>, does: string) =>
  Options.withDescription(Options.choice(name, values), does)

/** An argument. */
export const argument = (name: string, does: string) => Args.withDescription(Args.text({ name }), does)

export const flow = argument("flow", "The flow: org/project/slug (slug with --org, --project).")

/** A flow, or the id of a run that this machine has seen. */
export const flowOrRun = Args.optional(
  argument("flow", "The flow, or the id of a seen run (the last seen run).")
)

/** A parameter. */
export const parameter = (does: string) =>
  Options.text("param").pipe(Options.withAlias("p"), Options.withDescription(does), Options.repeated)

export const flowVersion = Options.withAlias(optional("flow-version", "Run production, draft or a number."), "version")

/** The flags of all commands: how much is printed, and how. */
export const voice = {
  quiet: Options.withAlias(flag("quiet", "Print only the result."), "q"),
  jq: optional("jq", "Filter the JSON result with this jq expression."),
  verbose: Options.withAlias(flag("verbose", "Print more on stderr."), "v")
}

/** The server, and the defaults in addresses of flows. */
export const connection = {
  org: optional("org", "Use this organisation for flows named without one."),
  project: optional("project", "Use this project for flows named without one."),
  env: optional("env", "Use production, or dev on this machine (production)."),
  port: whole("port", "Use the local emulator on this port (8080)."),
  baseUrl: optional("base-url", "Use the hosted or local server at this URL."),
  keyFile: optional("key-file", "Read the API key from this file (NOUKAI_API_KEY)."),
  profile: optional("profile", "Use this profile of noukai.json or of your user settings."),
  envFile: optional("env-file", "Read unset variables from this file, such as .env.")
}

/** The values of {@link connection}. */
export type ConnectionFlags = Command.Command.ParseConfig<typeof connection>

/** The server, and whether the history of runs is used. */
export const seeing = {
  noHistory: flag("no-history", "Do not read or write this machine's run history."),
  ...connection
}

export const since = optional("since", "Include only runs since 12h, 7d, 2w or 2026-06-07.")

export const until = optional("until", "Include only runs before 12h, 7d, 2w or 2026-06-07.")

export const json = flag("json", "Print the result as JSON.")

export const jsonl = flag("jsonl", "Print the results as JSON lines.")

export const sessionId = argument("session-id", "The session id, a UUID.")
