/** The command `noukai`. Help and wrong usage load only this module. */
import { existsSync, readFileSync } from "node:fs"
import { answered } from "./answered.js"
import { checked, type Grammar, wantsJson } from "./arguments/grammar.js"
import { exitCodes } from "./exit/exitCode.js"
import { say } from "./exit/failure.js"

/** The error of stdout, unless its reader has closed it. */
let lost: Error | undefined

const listenForLosses = () => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") lost ??= error
  })
  process.stderr.on("error", () => {})
}

/** Returns the exit code. A lost result is a failure. */
const afterWriting = (code: number): number => {
  if (lost === undefined) return code
  say(`noukai: stdout cannot be written: ${lost.message}`)
  return code === exitCodes.done ? exitCodes.failed : code
}

/** Flushes the output and ends the process. */
const end = (code: number): void => {
  const flush = (stream: NodeJS.WriteStream, then: () => void) =>
    stream.writableLength === 0 || stream.destroyed ? then() : stream.write("", then)
  // the error of a stream follows its write
  // eslint-disable-next-line no-restricted-globals -- nothing of Effect is loaded for help
  flush(process.stdout, () => flush(process.stderr, () => setImmediate(() => process.exit(afterWriting(code)))))
}

/** Returns the grammar of all commands, from the file beside the bundle or from the declarations. */
const grammar = async (): Promise<Grammar> => {
  const path = new URL("./grammar.json", import.meta.url)
  return existsSync(path)
    ? JSON.parse(readFileSync(path, "utf8")) as Grammar
    : (await import("./commands/grammar.js")).grammar
}

/** Runs a command and ends the process with its exit code. */
export const main = async (args: ReadonlyArray<string>): Promise<void> => {
  listenForLosses()
  const all = await grammar()
  const asked = checked(all, args)
  const isJson = wantsJson(args)
  const code = answered(all, asked, isJson)
  if (code !== undefined || asked._tag !== "command") return end(code ?? exitCodes.usage)
  const { start } = await import("./program.js")
  start(asked.args, isJson, end)
}
