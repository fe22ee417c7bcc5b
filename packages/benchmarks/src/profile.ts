/**
 * `npm run profile -- <suite> <group> <row> [--seconds n] [--top n]`: where the time of one row of a bench goes, by
 * package and by function. Group and row are numbers, from 0, in the order of the table.
 */
import { Session } from "node:inspector/promises"
import { parseArgs } from "node:util"
import { suitesNamed } from "./suites.js"

/** Which part of the process a script belongs to. */
const packageOf = (url: string): string => {
  const found = /\/node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*\/node_modules\/)/.exec(url)?.[1] ??
    /\/packages\/([^/]+)\//.exec(url)?.[1]
  if (found !== undefined) return found
  return url.startsWith("node:") ? "node" : "V8"
}

const fileOf = (url: string): string => url.replace(/^.*\/(?:node_modules|packages)\//, "")

const row = (share: number, name: string): string => `${(100 * share).toFixed(1).padStart(6)} %  ${name}`

const print = (title: string, selfTimes: ReadonlyMap<string, number>, total: number, top: number): void => {
  console.log(`\n${title}`)
  const sorted = [...selfTimes].sort(([, a], [, b]) => b - a)
  for (const [name, time] of sorted.slice(0, top)) console.log(row(time / total, name))
}

const main = async (): Promise<void> => {
  const { positionals: [suiteName = "", groupAt, rowAt], values } = parseArgs({
    allowPositionals: true,
    options: { seconds: { type: "string", default: "5" }, top: { type: "string", default: "40" } }
  })
  const [suite] = suitesNamed([suiteName])
  const { close, groups } = await suite!.prepare()
  try {
    const group = groups[Number(groupAt)]
    const measured = group?.rows[Number(rowAt)]
    if (group === undefined || measured === undefined) {
      const known = groups.map(({ name, rows }, i) =>
        `${i} ${name}\n${rows.map((r, j) => `    ${j} ${r.name}`).join("\n")}`
      )
      throw new Error(`no such row; there are\n${known.join("\n")}`)
    }
    const runFor = async (milliseconds: number): Promise<number> => {
      const until = performance.now() + milliseconds
      let operations = 0
      while (performance.now() < until) {
        const done = await measured.run()
        operations += typeof done === "number" ? done : 1
      }
      return operations
    }
    await runFor(2000)
    const session = new Session()
    session.connect()
    await session.post("Profiler.enable")
    await session.post("Profiler.setSamplingInterval", { interval: 100 })
    await session.post("Profiler.start")
    const operations = await runFor(Number(values.seconds) * 1000)
    const { profile } = await session.post("Profiler.stop")
    session.disconnect()

    const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
    const byPackage = new Map<string, number>()
    const byFunction = new Map<string, number>()
    let total = 0
    let idle = 0
    profile.samples?.forEach((id, at) => {
      const time = profile.timeDeltas?.[at] ?? 0
      const frame = nodes.get(id)
      if (frame === undefined) return
      if (frame.functionName === "(idle)") {
        idle += time
        return
      }
      total += time
      const owner = packageOf(frame.url)
      byPackage.set(owner, (byPackage.get(owner) ?? 0) + time)
      const name = `${frame.functionName || "(anonymous)"}  ${fileOf(frame.url)}:${frame.lineNumber + 1}`
      byFunction.set(name, (byFunction.get(name) ?? 0) + time)
    })
    console.log(
      `${group.name}, ${measured.name}: ${(total / operations).toFixed(2)} µs of CPU per operation, ` +
        `${(100 * idle / (idle + total)).toFixed(0)} % of the time idle`
    )
    print("by package", byPackage, total, 12)
    print("by function, own time", byFunction, total, Number(values.top))
  } finally {
    await close()
  }
}

main().then(
  // the official client leaves a timer of five minutes behind each of its streams
  () => process.exit(),
  (error: unknown) => {
    console.error(error)
    process.exit(1)
  }
)
