/**
 * Pastes the blocks of documents into interactive shells, as a reader does, in a project with the files that the document shows.
 * Fails if a command ends with another code than 0.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { basename, dirname, join } from "node:path"
import { read } from "./workspace.mjs"

/** The documents whose commands need nothing but this machine. The commands of the others need a key, Docker, or runs of the reader. */
const documents = [
  "README.md",
  "docs/guides/effect-4.md",
  "docs/guides/first-hour.md",
  "docs/guides/typed-flows.md",
  "docs/guides/cassettes-in-vitest.md",
  "docs/guides/moving-over.md",
  "docs/guides/production.md",
  "docs/guides/spreadsheet.md",
  "docs/guides/testing.md",
  "docs/guides/page.md",
  "docs/guides/webhooks.md",
  ...["sdk", "promise", "adapters", "emulator", "report", "batch", "cli"].map((name) => `packages/${name}/README.md`)
]

/** In bash and zsh, the function that is called after each command that fails. */
const shells = {
  bash: { args: ["--noprofile", "--norc", "-i"], prelude: "trap 'echo FAILED $?' ERR" },
  zsh: { args: ["-f", "-i"], prelude: "TRAPZERR() { echo FAILED $? }" }
}

/** Files that a document describes, and does not show. */
const described = {
  "docs/guides/cassettes-in-vitest.md": {
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/config": "",
    ".git/objects/.keep": "",
    ".git/refs/.keep": ""
  }
}

/** The steps of a document: its files, and its blocks for a shell. */
const stepsOf = (text) =>
  [...text.matchAll(/(?:^<!-- file: (\S+) -->\n)?^```(\w+)[^\n]*\n([^]*?)^```/gm)].flatMap(
    ([, file, language, code]) => {
      if (language === "sh") return [{ block: code }]
      if (file === undefined && language !== "csv") return []
      const name = file === undefined ? "essays.csv" : basename(file)
      return [{ file: /"\.\.\/\w+\.js"/.test(code) ? `test/${name}` : name, code }]
    }
  )

/** A server that a reader leaves open in another terminal. */
const server = /^(?:npx noukai-emulator|(?:npx )?noukai dev|PORT=\d+ npx tsx)(?: (?!.*(?:--exec|&$)).*)?$/

/** The ports that the servers of a block listen on. */
const portsOf = (block) =>
  block.split("\n").filter((line) => line.endsWith("&")).map((line) =>
    Number(
      /--port (\d+)|(?<![A-Z_])PORT=(\d+)|listen\((\d+)\)/.exec(line)?.slice(1).find((port) => port !== undefined) ??
        8080
    )
  )

const isOpen = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1").once("connect", () => resolve(true)).once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })

/** A shell that takes blocks one after another. */
const openShell = (name, cwd, env) => {
  const { args, prelude } = shells[name]
  const child = spawn(name, args, {
    cwd,
    env: { ...env, PS1: "", PROMPT: "" },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"]
  })
  let output = ""
  let said = () => {}
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text
      said()
    })
  }
  child.on("close", () => said())
  child.stdin.write(`${prelude}\n`)
  return {
    /** Runs a block, and returns its output. */
    paste: async (block) => {
      output = ""
      child.stdin.write(`${block}\nprintf '\\nPASTED\\n'\n`)
      while (!/^PASTED$/m.test(output)) {
        if (child.exitCode !== null) throw new Error(`the shell ended:\n${output}`)
        await new Promise((resolve) => {
          said = resolve
        })
      }
      for (const port of portsOf(block)) {
        for (let tries = 0; !await isOpen(port); tries++) {
          if (tries === 600) throw new Error(`nothing listens on ${port}:\n${output}`)
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
      }
      if (/^FAILED/m.test(output)) throw new Error(`a command failed:\n${output}`)
      return output
    },
    close: async () => {
      const ended = once(child, "close")
      process.kill(-child.pid, "SIGKILL")
      await ended
    }
  }
}

/** Pastes the documents, or those with one of these texts in their path. `env` leads npm to a registry that has the packages; `folder` is empty. */
export const pasteDocuments = async (folder, env, timed, texts = []) => {
  for (const document of documents.filter((path) => texts.length === 0 || texts.some((text) => path.includes(text)))) {
    const steps = stepsOf(read(document))
    const project = join(folder, document.replaceAll("/", "-"))
    for (const shell of Object.keys(shells)) {
      await timed(`${document} in ${shell}`, async () => {
        const cwd = shell === "bash" ? project : `${project}-${shell}`
        if (shell === "bash") {
          mkdirSync(cwd, { recursive: true })
          writeFileSync(join(cwd, "package.json"), "{\"type\":\"module\"}")
        } else cpSync(project, cwd, { recursive: true, verbatimSymlinks: true })
        for (const [path, code] of Object.entries(described[document] ?? {})) {
          mkdirSync(dirname(join(cwd, path)), { recursive: true })
          writeFileSync(join(cwd, path), code)
        }
        for (const { code, file } of steps.filter(({ file }) => file !== undefined)) {
          mkdirSync(dirname(join(cwd, file)), { recursive: true })
          writeFileSync(join(cwd, file), code)
        }
        const { close, paste } = openShell(shell, cwd, env)
        try {
          for (const { block } of steps.filter(({ block }) => block !== undefined)) {
            await paste(block.trimEnd().split("\n").map((line) => server.test(line) ? `${line} &` : line).join("\n"))
          }
        } catch (error) {
          throw new Error(`${document} in ${shell}: ${error.message}`, { cause: error })
        } finally {
          await close()
        }
      })
    }
  }
}
