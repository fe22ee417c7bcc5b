/** `noukai types`. */
import * as FlowFile from "@effect-noukai/emulator/FlowFile"
import * as Cassette from "@effect-noukai/sdk/Cassette"
import * as Flow from "@effect-noukai/sdk/Flow"
import { RunService } from "@effect-noukai/sdk/RunService"
import * as Args from "@effect/cli/Args"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { readFileSync, writeFileSync } from "node:fs"
import { argument, flag, oneOf, optional, repeated, seeing, whole } from "../arguments/flags.js"
import * as Values from "../arguments/values.js"
import { failed, wrong } from "../exit/CommandError.js"
import { withoutMethod } from "../exit/failing.js"
import { History } from "../settings/History.js"
import { services } from "../settings/services.js"
import * as Settings from "../settings/Settings.js"
import { Terminal } from "../terminal/Terminal.js"
import * as Known from "../types/known.js"
import { libraries, moduleOf } from "../types/module.js"
import { isUnknown } from "../types/shape.js"
import { type InputOf, leaf } from "./leaf.js"
import { flowIdOf, listed, longestPage } from "./seen.js"

const config = {
  flows: Args.repeated(argument("flow", "The flows (all flows of the given files).")),
  flowsFile: repeated("flows", "Read this flows file of the emulator. Repeatable."),
  cassette: repeated("cassette", "Read this cassette. Repeatable."),
  runs: whole("runs", "Read so many stored runs per flow (20 without files)."),
  schema: Options.withDefault(oneOf("schema", libraries, "Write schemas of this library (effect)."), "effect"),
  out: optional("out", "Write this file (stdout)."),
  check: flag("check", "Fail if the file of --out would change."),
  ...seeing
}

type Input = InputOf<typeof config>

const ofFlowsFile = Effect.fnUntraced(function*(path: string) {
  const text = yield* Values.textOf("--flows", path)
  const { flows } = yield* Effect.mapError(FlowFile.decodeText(text, path), ({ message }) => wrong(message))
  return flows.map(Known.ofFileFlow)
})

const ofCassetteFile = (path: string) =>
  Effect.mapBoth(Cassette.load(path), {
    onFailure: (error) => wrong(`--cassette: ${withoutMethod(error)}`),
    onSuccess: Known.ofCassette
  })

const runsAtOnce = 4

/** Reads the newest stored runs of each flow. */
const ofStoredRuns = Effect.fnUntraced(function*(input: Input, count: number) {
  const history = yield* History
  const runs = yield* RunService
  const all = yield* Effect.forEach(input.flows, (flow) =>
    Effect.gen(function*() {
      const flowId = yield* flowIdOf(flow, input)
      const newest = yield* Stream.runCollect(listed({ flowId, limit: count, since: undefined }))
      return yield* Effect.forEach(
        newest,
        ({ id }) => Effect.map(runs.trace(flow, id), (trace) => Known.ofTrace(history.address(flow), trace)),
        { concurrency: runsAtOnce }
      )
    }))
  return all.flat()
}, (effect, input) => Effect.provide(effect, services(input)))

const slugOf = (flow: string): string => flow.slice(flow.lastIndexOf("/") + 1)

/** The addresses of the named flows, or of all flows of the files. A session knows a flow only by its slug. */
const addresses = Effect.fnUntraced(function*(input: Input, facts: ReadonlyArray<Known.Known>) {
  const { options } = yield* Settings.Settings
  const named = input.flows.length > 0 ? input.flows : facts.map(({ flow }) => flow)
  return new Set(named.map((flow) =>
    Either.match(Flow.resolve(flow, options), {
      onLeft: () => facts.find((one) => one.flow.includes("/") && slugOf(one.flow) === flow)?.flow ?? flow,
      onRight: Flow.format
    })
  ))
}, (effect, input) => Effect.provide(effect, Settings.layer(input)))

const chosen = Effect.fnUntraced(function*(input: Input, facts: ReadonlyArray<Known.Known>) {
  const flows = yield* addresses(input, facts)
  for (const flow of flows) {
    if (flow.split("/").length === 3) continue
    return yield* wrong(`the organisation and project of ${flow} are not known: use --org and --project`)
  }
  const slugs = Array.from(flows, slugOf)
  for (const slug of slugs) {
    if (!facts.some(({ flow }) => flow === slug) || slugs.indexOf(slug) === slugs.lastIndexOf(slug)) continue
    return yield* wrong(`two flows are named ${slug}, and a session does not say which it ran: name one of them`)
  }
  const known = Array.from(
    flows,
    (flow) => Known.merged(flow, facts.filter((one) => one.flow === flow || one.flow === slugOf(flow)))
  )
  const empty = known.filter(({ parameters, result }) => isUnknown(parameters) && isUnknown(result))
  if (known.length === 0) return yield* failed("the files contain no flow")
  if (empty.length === 0) return known
  return yield* failed(`nothing is known of ${empty.map(({ flow }) => flow).join(", ")}`, [
    "a run shows types only if its payloads are stored: run the flow with --snapshots, or use --flows or --cassette"
  ])
})

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const hasFiles = input.flowsFile.length + input.cassette.length > 0
  const count = Option.getOrElse(input.runs, () => hasFiles ? 0 : 20)
  if (count < 0 || count > longestPage) return yield* wrong(`--runs must be from 0 to ${longestPage}, not ${count}`)
  if (input.check && Option.isNone(input.out)) return yield* wrong("--check requires --out")
  if (input.flows.length === 0 && !hasFiles) return yield* wrong("name a flow, or give --flows or --cassette")
  const facts = [
    ...(yield* Effect.forEach(input.flowsFile, ofFlowsFile)).flat(),
    ...(yield* Effect.forEach(input.cassette, ofCassetteFile)).flat(),
    ...count === 0 ? [] : yield* ofStoredRuns(input, count)
  ]
  const text = moduleOf(input.schema, yield* chosen(input, facts))
  if (Option.isNone(input.out)) return yield* terminal.document(text)
  const path = input.out.value
  const before = yield* Effect.option(Effect.try(() => readFileSync(path, "utf8")))
  if (Option.contains(before, text)) return
  if (input.check) return yield* failed(`${path} is out of date`, ["run the same command without --check"])
  yield* Effect.try({
    try: () => writeFileSync(path, text),
    catch: (cause) => failed(`cannot write ${path}: ${Values.reason(cause)}`)
  })
  yield* terminal.note(`${path} written`)
})

export const command = leaf("types", "Write the types of flows from runs and files.", config, handle)
