/**
 * The process of one row: prepares its suite, measures the row for as many milliseconds as it is told, and says the cost.
 */
import { measureHere } from "./Measurement.js"
import { suitesNamed } from "./suites.js"

const [suiteName, groupName, rowName] = process.argv.slice(2)

const main = async (): Promise<void> => {
  const [suite] = suitesNamed([suiteName!])
  const { groups } = await suite!.prepare()
  const row = groups.find(({ name }) => name === groupName)?.rows.find(({ name }) => name === rowName)
  if (row === undefined) throw new Error(`${suiteName} has no row ${rowName} of ${groupName}`)
  process.on("message", (millis: number) => {
    measureHere(row, millis).then((cost) => process.send!(cost), fail)
  })
  process.on("disconnect", () => process.exit())
  process.send!("ready")
}

const fail = (error: unknown): void => {
  console.error(error)
  process.exit(1)
}

main().catch(fail)
