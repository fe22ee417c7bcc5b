/** Flags and arguments that many commands have. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"

/** A flag with a text that may be left out. */
export const optional = (name: string, does: string) =>
  Options.optional(Options.withDescription(Options.text(name), does))

export const flow = Args.text({ name: "flow" }).pipe(
  Args.withDescription("org/project/slug, or what of it is not set elsewhere.")
)

/** Parameters, which are given one by one. */
export const parameter = (does: string) =>
  Options.text("param").pipe(Options.withAlias("p"), Options.withDescription(does), Options.repeated)

export const flowVersion = Options.withAlias(optional("flow-version", "production, draft or a number."), "version")

export const trace = Options.boolean("trace").pipe(Options.withDescription("Keep what steps were given and gave."))

/** The input of a run. */
export const runInput = {
  message: Args.text({ name: "message" }).pipe(
    Args.withDescription(
      "The message; - reads it from stdin, as does no input at all. What begins with - goes after --."
    ),
    Args.optional
  ),
  messageFile: optional("message-file", "A file that holds the message; - is stdin."),
  parameter: parameter("key=text, or key:=JSON. May be given again."),
  parameters: optional("params", "A file that holds the parameters as a JSON object; - is stdin."),
  version: flowVersion,
  trace
}

/** How much is said, and how. */
export const voice = {
  quiet: Options.boolean("quiet").pipe(Options.withAlias("q"), Options.withDescription("Say nothing but the result.")),
  jq: optional("jq", "Filter the JSON with this expression of jq."),
  verbose: Options.boolean("verbose").pipe(Options.withAlias("v"), Options.withDescription("Say more, on stderr."))
}

/** The server, and what is taken for granted in addresses of flows. */
export const connection = {
  org: optional("org", "The organisation of flows that are named without one."),
  project: optional("project", "The project of flows that are named without one."),
  env: optional("env", "production, or dev for an emulator on this machine."),
  port: Options.optional(
    Options.withDescription(Options.integer("port"), "The port of the emulator on this machine; 8080 unless given.")
  ),
  baseUrl: optional("base-url", "The URL of the server: a hosted one, or one on this machine."),
  keyFile: optional("key-file", "A file that holds the key; otherwise NOUKAI_API_KEY."),
  profile: optional("profile", "A profile of noukai.json, or of your own configuration."),
  envFile: optional("env-file", "A file of variables such as .env; those that are set already stay.")
}

export const noHistory = Options.boolean("no-history").pipe(
  Options.withDescription("Do not read or write the list of runs that this machine has seen.")
)

export const since = optional("since", "Only runs since then: 12h, 7d, 2w, or a date such as 2026-06-07.")

export const json = Options.boolean("json").pipe(Options.withDescription("The result as JSON."))

export const jsonl = Options.boolean("jsonl").pipe(Options.withDescription("The results as JSON, one a line."))

export const sessionId = Args.text({ name: "session-id" }).pipe(Args.withDescription("The id of the session, a UUID."))
