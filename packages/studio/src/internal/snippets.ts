/** A run of the same flow with the same input, as text to copy. */
import * as Predicate from "effect/Predicate"
import type { Run, Snippets, Source } from "../RunsApi.js"
import type { StoredRun } from "../StudioSource.js"
import { type Mask, maskedValue, shellWord } from "./text.js"

/** The server of a run. */
type Server = Pick<Source, "address" | "kind">

interface Input {
  /** The body of `POST …/execute`. */
  readonly body: { readonly [name: string]: unknown }
  readonly notes: ReadonlyArray<string>
}

/** The parts of a request that say what a run is about. The others are of its session, its steps or its transport. */
const told = ["message", "messages", "parameters", "blockOverrides", "attachments", "tools", "toolChoice"] as const

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)

const inputOf = ({ request, trace }: StoredRun): Input => {
  if (request !== undefined) {
    return {
      body: Object.fromEntries(told.flatMap((name) => isEmpty(request[name]) ? [] : [[name, request[name]]])),
      notes: []
    }
  }
  const first = trace.steps[0]?.inputContext
  if (!Predicate.isRecord(first)) {
    return {
      body: {},
      notes: ["The input of this run is not known, because its first step did not capture it. Add it."]
    }
  }
  const { message, ...parameters } = first
  return {
    body: {
      ...typeof message === "string" ? { message } : message === undefined ? {} : { parameters: first },
      ...(typeof message === "string" || message === undefined) && !isEmpty(parameters) ? { parameters } : {}
    },
    notes: ["The input is that of the first step. The request that began the run may have had another one."]
  }
}

/** A version of a flow as it stands in a path. */
const pathVersion = (version: string | undefined): string =>
  version !== undefined && /^v?\d+$/.test(version) ? `/v${version.replace(/^v/, "")}` : ""

const commandOf = (
  { address, kind }: Server,
  run: Run,
  body: Input["body"]
): readonly [string, ReadonlyArray<string>] => {
  const { message, parameters, ...others } = body
  const port = URL.canParse(address) ? new URL(address).port : ""
  const words = [
    "noukai",
    "run",
    run.flow,
    ...typeof message === "string" ? [message] : [],
    ...Predicate.isRecord(parameters)
      ? Object.entries(parameters).flatMap(([name, value]) => [
        "--param",
        typeof value === "string" ? `${name}=${value}` : `${name}:=${JSON.stringify(value)}`
      ])
      : [],
    ...run.version !== undefined && pathVersion(run.version) !== ""
      ? ["--flow-version", run.version.replace(/^v/, "")]
      : [],
    ...kind === "emulator" ? ["--env", "dev", ...port === "" || port === "8080" ? [] : ["--port", port]] : []
  ]
  const [first, second, flow, ...rest] = words.map(shellWord)
  // a message that looks like a flag
  const isHidden = typeof message === "string" && message.startsWith("-")
  const line = isHidden
    ? [first, second, ...rest.slice(1), "--", flow, rest[0]]
    : [first, second, flow, ...rest]
  const names = Object.keys(others)
  return [
    line.join(" "),
    names.length === 0 ? [] : [`The command has no flags for ${names.join(", ")} of the request.`]
  ]
}

/** Indents JSON so that it stands in a program. */
const inProgram = (value: unknown, indent: string): string =>
  (JSON.stringify(value, null, 2) ?? "{}").replaceAll("\n", `\n${indent}`)
    // in a program, this key would set a prototype
    .replace(/^(\s*)("__proto__"):/gm, "$1[$2]:")
    // keys that are names need no quotes
    .replace(/^(\s*)"([A-Za-z_$][\w$]*)":/gm, "$1$2:")

const typescriptOf = (run: Run, body: Input["body"]): string => {
  const version = pathVersion(run.version)
  const input = { ...body, ...version === "" ? {} : { version: Number(version.slice(2)) } }
  return `import { FlowService } from "@effect-noukai/sdk"
import { Effect } from "effect"

const program = Effect.gen(function*() {
  const flows = yield* FlowService
  return yield* flows.execute(${JSON.stringify(run.flow)}, ${inProgram(input, "  ")})
})
`
}

const curlOf = ({ address }: Server, run: Run, body: Input["body"]): string => {
  const path = run.flow.split("/").map(encodeURIComponent).join("/")
  const url = `${address.replace(/\/$/, "")}/seq/${path}${pathVersion(run.version)}/execute`
  return [
    `curl ${shellWord(url)}`,
    `-H "Authorization: Bearer $NOUKAI_API_KEY"`,
    "-H 'Content-Type: application/json'",
    `-d ${shellWord(JSON.stringify(body))}`
  ].join(" \\\n  ")
}

/** Makes the texts. None of them contains a key: curl reads it from the environment. */
export const snippets = (mask: Mask) => (given: Server, stored: StoredRun): Snippets => {
  const { notes, ...input } = inputOf(stored)
  // before a secret is quoted for a shell
  const { body, run, source } = maskedValue(mask, { ...input, run: stored.run, source: given })
  const [command, missing] = commandOf(source, run, body)
  return {
    command,
    typescript: typescriptOf(run, body),
    curl: curlOf(source, run, body),
    notes: [...notes, ...missing]
  }
}
