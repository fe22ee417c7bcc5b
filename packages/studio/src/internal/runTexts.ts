/** A run to begin, as a command and as a program. The page makes these texts of its form, so nothing of Effect is here. */
import { digitsAt, digitsWithin } from "@effect-noukai/sdk/kit/plainJson"
import { flagOf, type SimpleOption, simpleOptions } from "@effect-noukai/sdk/kit/runOptions"
import type { Source } from "../RunsApi.js"
import { exactJson, serverFlags, shellWord } from "./text.js"

/** The options of a run whose values have a kind. */
type Simple = { readonly [N in SimpleOption]?: unknown }

/** The flow and the input of a run. */
export interface RunInput extends Simple {
  readonly flow: string
  readonly parameters?: unknown
  readonly attachments?: unknown
  /** `production`, `draft` or a number. Absent: production. */
  readonly version?: string | undefined
  readonly maxCostUsd?: string | undefined
  readonly inputOverrides?: { readonly [stepId: string]: unknown } | undefined
  /** The step at which the run begins, and the outputs of the steps before it. */
  readonly startAt?:
    | { readonly stepIndex: number; readonly outputs: { readonly [stepId: string]: unknown } }
    | undefined
}

/** The version of a run as a request names it. */
export const versionOf = (version: string | undefined): string | undefined =>
  version === "draft" ? version : /^v?([1-9]\d{0,5})$/.exec(version ?? "")?.[1]

/** A command, and what it leaves out. */
export interface Command {
  /** Empty if the command cannot begin such a run. */
  readonly command: string
  readonly notes: ReadonlyArray<string>
}

type Fields = { readonly [name: string]: unknown }

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The most characters of a word. A system takes 128 KiB. */
const longest = 20_000

/** A text as a file that a flag reads: for a text that cannot be a word of a command. */
const asFile = (text: string): string =>
  text.includes("\0")
    // a file begins where a word would end
    ? `<(printf %b ${shellWord(text.replaceAll("\\", "\\\\").replaceAll("\0", "\\0000"))})`
    : `<(printf %s ${shellWord(text)})`

const isWord = (text: string): boolean => text.length <= longest && !text.includes("\0")

/** Whether a name can stand before `=` in a flag. The command removes white space at the ends of a flag. */
const isName = (name: string): boolean => name !== "" && name.trimStart() === name && !/^[-'"]|=|:$|\0/.test(name)

const assigned = ([name, value]: readonly [string, unknown], digits: unknown): string =>
  typeof value === "string" && value.trimEnd() === value && !value.includes("\0")
    ? `${name}=${value}`
    : `${name}:=${exactJson(value, digits)}`

/** The assignments of fields, with their names. */
const assignmentsOf = (fields: Fields): ReadonlyArray<readonly [name: string, text: string]> => {
  const digits = digitsWithin(fields)
  return Object.entries(fields).map((field) => [field[0], assigned(field, digitsAt(digits, field[0]))])
}

const assignments = (flag: string, fields: Fields): ReadonlyArray<string> =>
  assignmentsOf(fields).flatMap(([, text]) => [flag, shellWord(text)])

const areAssignments = (fields: Fields): boolean =>
  assignmentsOf(fields).every(([name, text]) => isName(name) && isWord(text))

const attachmentsOf = (value: unknown): ReadonlyArray<Fields> => Array.isArray(value) ? value.filter(isFields) : []

/** The flag of an option whose values have a kind. */
const flagged = (name: SimpleOption, value: unknown): ReadonlyArray<string> =>
  value === undefined || value === false
    ? []
    : value === true
    ? [`--${flagOf(name)}`]
    : [`--${flagOf(name)}`, shellWord(String(value))]

/** The `noukai` command that begins the run. */
export const commandOf = (server: Pick<Source, "address" | "kind">, input: RunInput): Command => {
  const { attachments, flow, inputOverrides = {}, maxCostUsd, message, parameters, startAt, version } = input
  if (startAt !== undefined) {
    return { command: "", notes: ["The command cannot begin at a later step. The program can."] }
  }
  const images = attachmentsOf(attachments)
  const fields = isFields(parameters) ? parameters : {}
  const text = typeof message === "string" ? message : undefined
  // `-` stands for the input of the command
  const isArgument = text !== undefined && text !== "-" && isWord(text)
  const rest = [
    ...text === undefined || isArgument ? [] : ["--message-file", asFile(text)],
    ...areAssignments(fields) ? assignments("--param", fields) : ["--params", asFile(exactJson(fields) ?? "{}")],
    ...images.flatMap(({ mime_type, url }) => ["--attach", shellWord(`${String(mime_type)}=${String(url)}`)]),
    ...assignments("--input-override", inputOverrides),
    ...maxCostUsd === undefined ? [] : ["--max-cost", shellWord(maxCostUsd)],
    ...simpleOptions.flatMap((name) => name === "message" ? [] : flagged(name, input[name])),
    ...version === undefined || version === "production" ? [] : ["--flow-version", shellWord(version)],
    ...serverFlags(server)
  ]
  const words = [shellWord(flow), ...isArgument ? [shellWord(text)] : []]
  // a message that looks like a flag
  const line = isArgument && text.startsWith("-") ? [...rest, "--", ...words] : [...words, ...rest]
  const isEmpty = text === undefined && Object.keys(fields).length === 0
  return {
    // without an input, the command would wait for one
    command: ["noukai", "run", ...line, ...isEmpty ? ["</dev/null"] : []].join(" "),
    notes: [
      ...text !== undefined && Object.hasOwn(fields, "message")
        ? ["The command takes the message once: leave out the message or the parameter `message`."]
        : [],
      ...images.some(({ filename }) => filename !== undefined)
        ? ["The command has no flag for the names of attached files."]
        : [],
      ...areAssignments(inputOverrides)
        ? []
        : ["The command cannot replace the output of a step with such an id, or by so long a text. The program can."]
    ]
  }
}

/** Indents JSON so that it stands in a program. */
const inProgram = (value: unknown, indent: string): string =>
  (exactJson(value, digitsWithin(value), 2) ?? "{}").replaceAll("\n", `\n${indent}`)
    // in a program, this key would set a prototype
    .replace(/^(\s*)("__proto__"):/gm, "$1[$2]:")
    // keys that are names need no quotes
    .replace(/^(\s*)"([A-Za-z_$][\w$]*)":/gm, "$1$2:")

/** The program that begins the run. */
export const programOf = ({ flow, inputOverrides = {}, startAt, version, ...fields }: RunInput): string => {
  const isReplaced = Object.keys(inputOverrides).length > 0
  const isStreamed = isReplaced || startAt !== undefined
  const flowVersion = version === undefined || version === "production" ? "production" : Number(version)
  const options = {
    ...fields,
    ...isReplaced && { inputOverrides },
    ...startAt !== undefined && {
      from: { version: 1, flow, flowVersion, rounds: 0, ...startAt },
      asNewRun: true
    },
    ...version !== undefined && version !== "production" && {
      version: version === "draft" ? version : Number(version)
    }
  }
  const call = `(${JSON.stringify(flow)}, ${inProgram(options, "  ")})`
  return `import { FlowService } from "@effect-noukai/sdk"
import { Effect${isStreamed ? ", Stream" : ""} } from "effect"

const program = Effect.gen(function*() {
  const flows = yield* FlowService
  return yield* ${isStreamed ? `Stream.runLast(flows.events${call})` : `flows.execute${call}`}
})
`
}
