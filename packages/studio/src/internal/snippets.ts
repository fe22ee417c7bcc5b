/** A run of the same flow with the same input, as text to copy. */
import { digitsOf, digitsWithin, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import { fieldOf, runFieldNames, simpleOptions } from "@effect-noukai/sdk/kit/runOptions"
import * as Predicate from "effect/Predicate"
import * as Struct from "effect/Struct"
import type { Run, Snippets, Source } from "../RunsApi.js"
import type { StoredRun } from "../StudioSource.js"
import { commandOf, programOf, versionOf } from "./runTexts.js"
import { exactJson, type Mask, maskedValue, shellWord } from "./text.js"

/** The server of a run. */
type Server = Pick<Source, "address" | "kind">

interface Input {
  /** The body of `POST …/execute`. */
  readonly body: { readonly [name: string]: unknown }
  readonly notes: ReadonlyArray<string>
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0)

const inputOf = ({ request, trace }: StoredRun): Input => {
  if (request !== undefined) {
    return {
      body: Object.fromEntries(runFieldNames.flatMap((name) => isEmpty(request[name]) ? [] : [[name, request[name]]])),
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
  const { message, ...others } = first
  const parameters = withDigits(others, digitsOf(first))
  return {
    body: {
      ...typeof message === "string" ? { message } : message === undefined ? {} : { parameters: first },
      ...(typeof message === "string" || message === undefined) && !isEmpty(parameters) ? { parameters } : {}
    },
    notes: ["The input is that of the first step. The request that began the run may have had another one."]
  }
}

const curlOf = ({ address }: Server, run: Run, body: Input["body"]): string => {
  const version = versionOf(run.version)
  const path = [
    ...run.flow.split("/").map(encodeURIComponent),
    ...version === undefined ? [] : [version === "draft" ? "v0" : `v${version}`]
  ]
  const url = `${address.replace(/\/$/, "")}/seq/${path.join("/")}/execute`
  return [
    `curl ${shellWord(url)}`,
    `-H "Authorization: Bearer $NOUKAI_API_KEY"`,
    "-H 'Content-Type: application/json'",
    `-d ${shellWord(exactJson(body) ?? "{}")}`
  ].join(" \\\n  ")
}

/** Makes the texts. None of them contains a key: curl reads it from the environment. */
export const snippets = (mask: Mask) => (given: Server, stored: StoredRun): Snippets => {
  const { notes, ...input } = inputOf(stored)
  // before a secret is quoted for a shell
  const { body, run, source } = maskedValue(mask, { ...input, run: stored.run, source: given })
  const { attachments, parameters } = body
  const simple = Object.fromEntries(simpleOptions.map((name) => [name, body[fieldOf(name)]]))
  const others = Struct.omit(body, ...simpleOptions.map(fieldOf), "attachments", "parameters")
  const again = {
    flow: run.flow,
    ...simple,
    parameters,
    attachments,
    version: versionOf(run.version)
  }
  const { command, notes: missing } = commandOf(source, again)
  const names = Object.keys(others)
  return {
    command,
    typescript: programOf({ ...again, ...others }),
    curl: curlOf(source, run, body),
    notes: [
      ...notes,
      ...names.length === 0 ? [] : [`The command has no flags for ${names.join(", ")} of the request.`],
      ...missing,
      ...digitsWithin(body) === undefined
        ? []
        : [
          "A number has more digits than a program in JavaScript keeps: the command and the program refuse it. Use curl."
        ]
    ]
  }
}
