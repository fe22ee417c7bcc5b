/** Flags and arguments that many commands have. */
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"

/** A flag with a text that may be left out. */
export const optional = (name: string, does: string) =>
  Options.optional(Options.withDescription(Options.text(name), does))

export const flow = Args.text({ name: "flow" }).pipe(
  Args.withDescription("The flow: org/project/slug (slug with --org, --project).")
)

/** A flow, or the id of a run that this machine has seen. */
export const flowOrRun = Args.text({ name: "flow" }).pipe(
  Args.withDescription("The flow, or the id of a seen run (the last seen run)."),
  Args.optional
)

/** Parameters, which are given one by one. */
export const parameter = (does: string) =>
  Options.text("param").pipe(Options.withAlias("p"), Options.withDescription(does), Options.repeated)

export const flowVersion = Options.withAlias(optional("flow-version", "Run production, draft or a number."), "version")

export const trace = Options.boolean("trace").pipe(Options.withDescription("Store inputs and outputs of all steps."))

/** The input of a run. */
export const runInput = {
  message: Args.text({ name: "message" }).pipe(
    Args.withDescription("The message; - reads stdin (default: piped stdin)."),
    Args.optional
  ),
  messageFile: optional("message-file", "Read the message from this file; - reads stdin."),
  parameter: parameter("Set a parameter: key=text or key:=JSON. Repeatable."),
  parameters: optional("params", "Read parameters from this JSON file; - reads stdin."),
  version: flowVersion,
  trace
}

/** How much is said, and how. */
export const voice = {
  quiet: Options.boolean("quiet").pipe(Options.withAlias("q"), Options.withDescription("Print only the result.")),
  jq: optional("jq", "Filter the JSON result with this jq expression."),
  verbose: Options.boolean("verbose").pipe(Options.withAlias("v"), Options.withDescription("Print more on stderr."))
}

/** The server, and what is taken for granted in addresses of flows. */
export const connection = {
  org: optional("org", "Use this organisation for flows named without one."),
  project: optional("project", "Use this project for flows named without one."),
  env: optional("env", "Use production, or dev on this machine (production)."),
  port: Options.optional(
    Options.withDescription(Options.integer("port"), "Use the local emulator on this port (8080).")
  ),
  baseUrl: optional("base-url", "Use the hosted or local server at this URL."),
  keyFile: optional("key-file", "Read the API key from this file (NOUKAI_API_KEY)."),
  profile: optional("profile", "Use this profile of noukai.json or of your user settings."),
  envFile: optional("env-file", "Read unset variables from this file, such as .env.")
}

export const noHistory = Options.boolean("no-history").pipe(
  Options.withDescription("Do not read or write this machine's run history.")
)

export const since = optional("since", "Include only runs since 12h, 7d, 2w or 2026-06-07.")

export const json = Options.boolean("json").pipe(Options.withDescription("Print the result as JSON."))

export const jsonl = Options.boolean("jsonl").pipe(Options.withDescription("Print the results as JSON lines."))

export const sessionId = Args.text({ name: "session-id" }).pipe(Args.withDescription("The session id, a UUID."))
