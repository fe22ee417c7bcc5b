/**
 * `npm run bench -- [suite …] [--rounds n] [--quick]`
 */
import { parseArgs } from "node:util"
import { type GroupResult, measure, measureHere, type Options } from "./Measurement.js"
import { shareRawServer } from "./RawServer.js"
import { columns, save, sizesTable, type SuiteResult, table } from "./Report.js"
import { startRowProcesses } from "./RowProcesses.js"
import type { Group, Suite } from "./Suite.js"
import { suitesNamed } from "./suites.js"
import { againstTargets } from "./Targets.js"

/** Measures a group, each row in a process of its own unless its operations are processes. */
const measureApart = async (suite: Suite, group: Group, options: Options): Promise<GroupResult> => {
  const processes = await startRowProcesses(suite.name, group)
  try {
    return await measure(group, options, processes.measure)
  } finally {
    await processes.close()
  }
}

const run = async (suite: Suite, options: Options): Promise<SuiteResult> => {
  const server = suite.apart === true ? await shareRawServer() : undefined
  const { close, facts, groups, sizes } = await suite.prepare()
  const results: Array<GroupResult> = []
  try {
    console.log(`\n# ${suite.name}`)
    for (const group of groups) {
      const result = suite.apart === true && group.isOfProcesses !== true
        ? await measureApart(suite, group, options)
        : await measure(group, options, measureHere)
      results.push(result)
      console.log(`\n${table(result)}`)
    }
    if (facts !== undefined) console.log(`\n${columns(facts)}`)
    if (sizes !== undefined) console.log(`\n${sizesTable(sizes)}`)
  } finally {
    await close()
    await server?.close()
  }
  const result = { suite: suite.name, groups: results, sizes, facts }
  await save(result, options)
  return result
}

const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: "string" }, quick: { type: "boolean" } }
  })
  const chosen = suitesNamed(positionals)
  const quick = values.quick === true
  const options: Options = {
    rounds: values.rounds === undefined ? (quick ? 3 : 15) : Number(values.rounds),
    roundMillis: quick ? 100 : 300,
    warmUpMillis: quick ? 200 : 3000
  }
  const results: Array<SuiteResult> = []
  for (const suite of chosen) results.push(await run(suite, options))
  const targets = againstTargets(results)
  if (targets !== undefined) console.log(`\n# Targets\n\n${targets}`)
}

main().then(
  // the official client leaves a timer of five minutes behind each of its streams
  () => process.exit(),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  }
)
