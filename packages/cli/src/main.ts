/** The command `noukai`: from its arguments to its exit code. Nothing else is loaded for help and wrong usage. */
import { existsSync, readFileSync } from "node:fs"
import { answered } from "./answered.js"
import { checked, type Grammar, wantsJson } from "./arguments/grammar.js"
import { exitCodes } from "./exit/exitCode.js"
import { say } from "./exit/failure.js"

/** Why a stream took no more, unless it is that nobody reads it any more. */
let lost: Error | undefined

const listenForLosses = () => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") lost ??= error
  })
  process.stderr.on("error", () => {})
}

/** The code of a command whose result was written, or lost. */
const afterWriting = (code: number): number => {
  if (lost === undefined) return code
  say(`noukai: stdout cannot be written: ${lost.message}`)
  return code === exitCodes.done ? exitCodes.failed : code
}

/** Writes what is still to be written, and ends. */
const end = (code: number): void => {
  const flush = (stream: NodeJS.WriteStream, then: () => void) =>
    stream.writableLength === 0 || stream.destroyed ? then() : stream.write("", then)
  // an error of a stream is told after the write that it is of
  // eslint-disable-next-line no-restricted-globals -- nothing of Effect is loaded for help
  flush(process.stdout, () => flush(process.stderr, () => setImmediate(() => process.exit(afterWriting(code)))))
}

/** The grammar of all commands: written beside the bundle, and made of their declarations where there is none. */
const grammar = async (): Promise<Grammar> => {
  const path = new URL("./grammar.json", import.meta.url)
  return existsSync(path)
    ? JSON.parse(readFileSync(path, "utf8")) as Grammar
    : (await import("./commands/grammar.js")).grammar
}

/** Runs a command, and ends the process with its code. */
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
