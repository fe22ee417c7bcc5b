/** `noukai eval init`. */
import * as Batch from "@effect-noukai/batch/Batch"
import * as EvalFile from "@effect-noukai/eval/EvalFile"
import type { DraftOptions } from "@effect-noukai/eval/EvalOptions"
import * as StoredRuns from "@effect-noukai/report/StoredRuns"
import { digitsAt, digitsWithin, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import { RunService } from "@effect-noukai/sdk/RunService"
import * as Args from "@effect/cli/Args"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { existsSync, writeFileSync } from "node:fs"
import { basename, dirname, relative } from "node:path"
import { argument, flag, optional, seeing } from "../../arguments/flags.js"
import { reason } from "../../arguments/values.js"
import { CommandError, wrong } from "../../exit/CommandError.js"
import { History } from "../../settings/History.js"
import { services, withoutKey } from "../../settings/services.js"
import { hint } from "../../terminal/shell.js"
import { Terminal } from "../../terminal/Terminal.js"
import { plain } from "../../terminal/text.js"
import * as Ledger from "../batch/ledger.js"
import { type InputOf, leaf } from "../leaf.js"
import { asEval, codes, store } from "./evaluation.js"

const config = {
  cases: Args.optional(argument("cases", "The cases: a file of CSV or JSON lines.")),
  flow: optional("flow", "The flow: org/project/slug (that of the batch)."),
  fromBatch: optional("from-batch", "Take cases from a ledger, or from one batch: ledger#id."),
  key: optional("key", "The column of the key (guessed)."),
  message: optional("message", "The column of the message (guessed)."),
  expected: optional("expected", "The column of the expected result (guessed)."),
  out: optional("out", "Write this .eval.yaml file (named like the cases)."),
  force: flag("force", "Replace files that exist."),
  ...seeing
}

type Input = InputOf<typeof config>

type Found = Pick<DraftOptions, "flow" | "cases" | "operation"> & { readonly name: string }

/** The results of a batch as cases: its inputs, and its results as expected ones. */
const ofBatch = Effect.fnUntraced(function*(text: string, flow: Option.Option<string>) {
  const [ledger = "", ...rest] = text.split("#")
  const id = rest.length === 0 ? undefined : rest.join("#")
  return yield* Effect.gen(function*() {
    const batches = yield* Batch.list()
    const found = id === undefined && batches.length === 1 ? batches[0] : batches.find(({ batch }) => batch === id)
    if (found === undefined) {
      const names = batches.map(({ batch }) => batch).join(", ")
      return yield* wrong(
        id === undefined
          ? `--from-batch ${ledger} has ${batches.length} batches: name one, as in ${ledger}#id (${names})`
          : `--from-batch ${text}: the ledger has no batch ${id} (${names})`
      )
    }
    const done = Stream.filter(Batch.results(found.batch, { withInput: true }), ({ state }) => state === "done")
    const cases = yield* Stream.runCollect(Stream.map(done, (row) => {
      const digits = digitsAt(digitsWithin(row), "result")
      return withDigits(
        { key: row.key, input: row.input, expected: row.result ?? null },
        digits === undefined ? undefined : { expected: digits }
      )
    }))
    if (cases.length === 0) return yield* wrong(`--from-batch ${text}: no row of ${found.batch} has a result`)
    const all: Found = {
      flow: Option.getOrElse(flow, () => found.flow),
      cases: Chunk.toReadonlyArray(cases),
      name: found.batch
    }
    return all
  }).pipe(Effect.provide(Ledger.existing({ id: ledger, ledger: Option.some(ledger) })))
})

const samples = 3

/** Three cases to fill in, like the newest runs of the flow that this machine has seen. */
const ofFlow = Effect.fnUntraced(function*(flow: string) {
  const history = yield* History
  const runs = yield* RunService
  const terminal = yield* Terminal
  const address = history.address(flow)
  const seen = (yield* history.runs).filter((run) => run.flow === address).slice(-samples)
  const inputs = yield* Effect.forEach(seen, ({ run }) => Effect.map(runs.trace(flow, run), StoredRuns.inputOf))
  const known = inputs.flatMap(Option.toArray)
  if (known.length === 0) {
    yield* terminal.note(`the parameters of ${address} are not known here: run it with --snapshots to draft them`)
  }
  const cases = Array.from({ length: samples }, (_, nth) => ({
    id: `case ${nth + 1}`,
    input: known[nth] ?? { ...known[0], message: `Write the message of case ${nth + 1} here.` }
  }))
  const found: Found = { flow, cases, name: address.slice(address.lastIndexOf("/") + 1) }
  return found
})

const sourceOf = Effect.fnUntraced(function*(input: Input) {
  const { cases, flow, fromBatch } = input
  if (Option.isSome(cases) && Option.isSome(fromBatch)) {
    return yield* wrong("give a file of cases or --from-batch, not both")
  }
  if (Option.isSome(fromBatch)) return yield* ofBatch(fromBatch.value, flow)
  if (Option.isNone(flow)) return yield* wrong("give the flow of the cases: --flow org/project/slug")
  if (Option.isNone(cases)) return yield* Effect.provide(ofFlow(flow.value), services(input))
  const found: Found = { flow: flow.value, cases: cases.value, name: basename(cases.value).replace(/\.[^.]*$/, "") }
  return found
})

/** Writes a file. A file that exists is replaced only with --force. */
const write = (path: string, text: string, isForced: boolean) =>
  Effect.try({
    try: () => writeFileSync(path, text, { flag: isForced ? "w" : "wx" }),
    catch: (cause) => new CommandError({ code: codes.environment, message: `cannot write ${path}: ${reason(cause)}` })
  })

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const { force } = input
  const { name, ...found } = yield* sourceOf(input)
  const path = Option.getOrElse(input.out, () => `${name.replace(/[^\p{L}\p{N} ._-]+/gu, "-")}.eval.yaml`)
  if (!/\.ya?ml$/i.test(path)) return yield* wrong(`--out ${path}: must end with .yaml`)
  if (!existsSync(dirname(path))) return yield* wrong(`--out ${path}: there is no such folder`)
  const columns = { key: input.key, message: input.message, expected: input.expected }
  const { cases, guesses, plan, text } = yield* EvalFile.draft({
    path,
    ...found,
    key: Option.getOrUndefined(columns.key),
    message: Option.getOrUndefined(columns.message),
    expected: Option.getOrUndefined(columns.expected)
  }).pipe(
    Effect.provide(
      Layer.merge(store("draft", { file: path, ledger: Option.some(`${path}.ledger`) }, false), withoutKey(input))
    )
  )
  const files = [...cases === undefined ? [] : [[relative("", cases.path), cases.text] as const], [path, text] as const]
  const existing = force ? undefined : files.find(([file]) => existsSync(file))
  if (existing !== undefined) return yield* wrong(`${existing[0]} exists: replace it with --force`)
  yield* Effect.forEach(files, ([file, text]) => write(file, text, force), { discard: true })
  yield* terminal.note(
    plain(`${files.map(([file]) => file).join(", ")}: ${plan.cases} cases of ${plan.candidate.flow}`)
  )
  for (const guess of guesses) yield* terminal.note(plain(guess))
  yield* terminal.write(
    `${hint(input, "eval plan", [path])}\n${
      hint(input, "eval run", [path], plan.cases > 10 ? [["--first", "10"]] : [])
    }\n`
  )
}, (effect, input) => asEval(effect, { ...input, file: Option.getOrElse(input.out, () => "the draft") }))

export const command = leaf("init", "Draft a definition from cases, a batch or a flow.", config, handle)
