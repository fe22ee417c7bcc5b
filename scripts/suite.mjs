/** Runs the test suite with another Node or in another folder, and times the steps of tests: shared by the `test-*.mjs`. */
import { spawn } from "node:child_process"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { root } from "./workspace.mjs"

/**
 * Without what npm sets for the scripts it runs: an npm that one of them runs has a project of its own. The history of
 * the command is not the developer's.
 */
export const environment = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      !/^npm_(package|lifecycle|command|execpath|node_execpath)|^npm_config_(local_prefix|prefix|workspace)|^INIT_CWD$/
        .test(name)
    )
  ),
  XDG_STATE_HOME: join(root, "node_modules/.cache/test-state")
}

const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort())

/** Runs a command that prints where this script does, and tells whether it succeeded. */
export const succeeds = (command, args, { cwd = root, env = environment } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, signal: stopping.signal, stdio: ["ignore", "inherit", "inherit"] })
    // one that is stopped still has to close
    child.once("error", (error) => error.name === "AbortError" || reject(error))
    child.once("close", (code) => resolve(code === 0))
  })

/** Prints a step and its duration, once it is done. */
export const timed = async (what, effect) => {
  const started = performance.now()
  const result = await effect()
  console.log(`ok    ${what.padEnd(54)} ${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s`)
  return result
}

/**
 * The arguments of the command line: the runs of `known` that it names, or all; the folder of `--reports`; what
 * `--peers` says; and, after a `--`, those for vitest.
 */
export const suiteArguments = (known) => {
  const all = process.argv.slice(2)
  const end = all.includes("--") ? all.indexOf("--") : all.length
  const { positionals, values } = parseArgs({
    args: all.slice(0, end),
    allowPositionals: true,
    options: { peers: { type: "string" }, reports: { type: "string" } }
  })
  const unknown = positionals.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    console.error(`not one of ${known.join(", ")}: ${unknown.join(", ")}`)
    process.exit(2)
  }
  return {
    chosen: positionals.length === 0 ? known : known.filter((name) => positionals.includes(name)),
    named: positionals,
    peers: values.peers,
    reports: values.reports === undefined ? undefined : resolve(values.reports),
    vitest: all.slice(end + 1)
  }
}

/**
 * Runs `npm test` in `cwd`; its report, if there is a folder for reports, is called `name`. These runs ask whether a
 * version is supported, not whether the machine is quiet: a test that fails is run once more.
 */
export const suite = (name, { reports, vitest, ...where }) => {
  const reporters = reports === undefined
    ? []
    : ["--reporter=default", "--reporter=json", `--outputFile.json=${join(reports, `${name}.json`)}`]
  return succeeds("npm", ["test", "--", "--retry=1", ...reporters, ...vitest], where)
}
