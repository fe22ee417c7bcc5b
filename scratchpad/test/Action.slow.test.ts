/** The action of GitHub: each of its steps in a shell of its own, as a runner starts them, with an API of GitHub on this machine. */
import { type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"
import { parse } from "yaml"
import { bin } from "../../packages/cli/test/support/command.js"

interface Step {
  readonly id?: string
  readonly if?: string
  readonly shell: string
  readonly run: string
  readonly env?: { readonly [name: string]: string }
  readonly "working-directory"?: string
}

interface Action {
  readonly inputs: { readonly [name: string]: { readonly default?: string; readonly required?: boolean } }
  readonly outputs: { readonly [name: string]: { readonly value: string } }
  readonly runs: { readonly using: string; readonly steps: ReadonlyArray<Step> }
}

interface Comment {
  readonly id: number
  readonly user: { readonly type: "Bot" | "User"; readonly login: string }
  body: string
}

const root = fileURLToPath(new URL("../..", import.meta.url))

let action: Action
let folder: string
let tarball: string
let emulator: RunningEmulator
let api: Server
let comments: Array<Comment> = []
let calls: Array<string> = []
let refuses = false
/** Whose token it is; none: the job's. */
let owner: string | undefined

const bot = { type: "Bot", login: "github-actions[bot]" } as const
const stranger = { type: "User", login: "stranger" } as const

beforeAll(async () => {
  action = parse(await readFile(join(root, "action.yml"), "utf8")) as Action
  folder = await mkdtemp(join(tmpdir(), "noukai-action-"))
  // the command as it is here, under its published name
  const command = join(folder, "command")
  await mkdir(command)
  await writeFile(
    join(command, "package.json"),
    JSON.stringify({
      name: "@effect-noukai/cli",
      version: "0.1.0",
      bin: { noukai: "./noukai.cjs" }
    })
  )
  await writeFile(join(command, "noukai.cjs"), `#!/usr/bin/env node\nrequire(${JSON.stringify(bin)})\n`)
  const { stdout } = await promisify(execFile)("npm", ["pack", "--silent"], { cwd: command })
  tarball = join(command, stdout.trim())
  const output = (word: string) => ({ word })
  emulator = await startEmulator({
    flows: ["good", "bad"].map((name) => ({
      ref: `acme/test/${name}`,
      steps: [{
        kind: "template" as const,
        id: "a",
        output: output(name === "good" ? "{{message}}" : "wrong @everyone")
      }],
      versions: { 1: { steps: [{ kind: "template" as const, id: "a", output: output("{{message}}") }] } },
      production: 1
    }))
  })
  api = createServer(async (request, response) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { body = "" } = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString()) as { body?: string }
    calls.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    const answer = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value))
    // the token of a job has no user
    if (request.url === "/user") return owner === undefined ? answer(403, {}) : answer(200, { login: owner })
    if (refuses) return answer(403, { message: "Resource not accessible by integration" })
    if (request.method === "GET") {
      const page = Number(/[?&]page=(\d+)/.exec(request.url!)![1])
      return answer(200, comments.slice((page - 1) * 100, page * 100))
    }
    if (request.method === "POST") {
      comments.push({
        id: 1000 + comments.length,
        user: owner === undefined ? bot : { type: "User", login: owner },
        body
      })
      return answer(201, {})
    }
    const found = comments.find(({ id }) => request.url!.endsWith(`/comments/${id}`))
    if (found !== undefined) found.body = body
    answer(found === undefined ? 404 : 200, {})
  })
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve))
})

afterEach(async () => {
  comments = []
  calls = []
  refuses = false
  owner = undefined
  await emulator.reset()
})

afterAll(async () => {
  await new Promise((resolve) => api.close(resolve))
  await emulator.close()
  await rm(folder, { recursive: true, force: true })
})

const pullOf = (fork: boolean) => ({
  pull_request: {
    number: 7,
    head: { repo: { full_name: fork ? "stranger/app" : "acme/app" } },
    base: { repo: { full_name: "acme/app" } }
  }
})

/** Runs the steps as a runner does: expressions are replaced, a step that fails ends the job. */
const ran = async (
  inputs: { readonly [name: string]: string },
  event: object = pullOf(false),
  eventName = "pull_request"
) => {
  const place = await mkdtemp(join(folder, "job-"))
  const at = (name: string) => join(place, name)
  for (const name of ["output", "path", "summary.md"]) await writeFile(at(name), "")
  await writeFile(at("event.json"), JSON.stringify(event))
  await writeFile(
    at("test.eval.yaml"),
    [
      "name: test",
      `flow: ${inputs["flow"] ?? "acme/test/good"}`,
      "cases: cases.jsonl",
      "key: id",
      "input: { message: { $case: text } }",
      "checks: { word: { equals: { $case: text }, at: word } }"
    ].join("\n")
  )
  await writeFile(at("cases.jsonl"), ["a", "b", "c"].map((id) => JSON.stringify({ id, text: `it's ${id}` })).join("\n"))
  const { flow: _, ...given } = inputs
  for (const name of Object.keys(given)) assert.property(action.inputs, name)
  const outputs: { [step: string]: { [name: string]: string } } = {}
  const values = (expression: string): string => {
    const [, scope, name, , output] = /^(inputs|steps|github)\.([\w-]+)(\.outputs\.([\w-]+))?$/.exec(expression)!
    if (scope === "github") return "the-token"
    if (scope === "steps") return outputs[name!]?.[output!] ?? ""
    assert.property(action.inputs, name!)
    return given[name!] ??
      (action.inputs[name!]!.default ?? "").replace(/\$\{\{ (.+?) \}\}/g, (_, inner: string) => values(inner))
  }
  const filled = (text: string) => text.replace(/\$\{\{ (.+?) \}\}/g, (_, expression: string) => values(expression))
  const isWanted = (condition: string) =>
    condition.split(" && ").every((part) => {
      const [, expression, operator, text] = /^(\S+) (==|!=) '(.*)'$/.exec(part)!
      return (values(expression!) === text) === (operator === "==")
    })
  let log = ""
  let path = process.env["PATH"]!
  for (const step of action.runs.steps) {
    if (step.if !== undefined && !isWanted(step.if)) continue
    const before = (await readFile(at("output"), "utf8")).length
    const code = await promisify(execFile)("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", step.run], {
      cwd: join(place, filled(step["working-directory"] ?? ".")),
      env: {
        PATH: path,
        HOME: place,
        CI: "true",
        GITHUB_ACTIONS: "true",
        GITHUB_ACTION_PATH: root,
        GITHUB_API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
        GITHUB_REPOSITORY: "acme/app",
        GITHUB_EVENT_NAME: eventName,
        GITHUB_EVENT_PATH: at("event.json"),
        GITHUB_OUTPUT: at("output"),
        GITHUB_PATH: at("path"),
        GITHUB_STEP_SUMMARY: at("summary.md"),
        RUNNER_TEMP: place,
        NOUKAI_ENV: "dev",
        NOUKAI_PORT: String(emulator.port),
        npm_config_offline: "true",
        ...Object.fromEntries(Object.entries(step.env ?? {}).map(([name, value]) => [name, filled(value)]))
      }
    }).then(
      ({ stderr, stdout }) => {
        log += stdout + stderr
        return 0
      },
      (error: { readonly code: number; readonly stdout: string; readonly stderr: string }) => {
        log += error.stdout + error.stderr
        return error.code
      }
    )
    const written = (await readFile(at("output"), "utf8")).slice(before)
    if (step.id !== undefined) {
      outputs[step.id] = Object.fromEntries(written.trim().split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)))
    }
    path = [...(await readFile(at("path"), "utf8")).trim().split("\n"), process.env["PATH"]].join(delimiter)
    if (code !== 0) return { code, log, summary: await readFile(at("summary.md"), "utf8") }
  }
  return { code: 0, log, summary: await readFile(at("summary.md"), "utf8") }
}

const live = () => ({ definition: "test.eval.yaml", "api-key": emulator.apiKey, tarball })

/** Runs the step of the comment alone. */
const commented = (report: string) =>
  promisify(execFile)(process.execPath, [join(root, ".github/action/comment.mjs")], {
    env: {
      ...process.env,
      DEFINITION: "long.eval.yaml",
      EXIT_CODE: "0",
      GITHUB_API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
      GITHUB_EVENT_PATH: join(folder, "event.json"),
      GITHUB_REPOSITORY: "acme/app",
      GITHUB_TOKEN: "the-token",
      REPORT: report
    }
  })

describe("the action", () => {
  it("has steps of shells alone, and takes every input through the environment", () => {
    assert.strictEqual(action.runs.using, "composite")
    for (const step of action.runs.steps) {
      assert.strictEqual(step.shell, "bash")
      assert.notInclude(step.run, "${{")
    }
  })

  it("passes, and writes one comment, which the next run changes", { timeout: 120_000 }, async () => {
    for (let id = 0; id < 150; id++) comments.push({ id, user: stranger, body: `talk ${id}` })
    const first = await ran(live())
    assert.strictEqual(first.code, 0, first.log)
    assert.include(first.summary, "acme/test/good")
    assert.strictEqual(comments.length, 151)
    const { body } = comments.at(-1)!
    assert.strictEqual(body, `<!-- noukai eval test.eval.yaml -->\n${first.summary}`)
    assert.include(calls, "GET /repos/acme/app/issues/7/comments?per_page=100&page=1 Bearer the-token")

    const worse = await ran({ ...live(), flow: "acme/test/bad" })
    assert.strictEqual(worse.code, 1, worse.log)
    assert.strictEqual(comments.length, 151)
    assert.include(comments.at(-1)!.body, "acme/test/bad")
    assert.notInclude(comments.at(-1)!.body, "@everyone")
  })

  it(
    "takes arguments line by line, and another definition has a comment of its own",
    { timeout: 120_000 },
    async () => {
      const before = emulator.ledger().runsStarted
      const ended = await ran({ ...live(), arguments: "--baseline\nnone\n\n--concurrency\n1\n" })
      assert.strictEqual(ended.code, 0, ended.log)
      assert.strictEqual(emulator.ledger().runsStarted - before, 3)
      comments[0]!.body = comments[0]!.body.replace("test.eval", "other.eval")
      await ran({ ...live(), arguments: "--baseline\nnone" })
      assert.strictEqual(comments.length, 2)
    }
  )

  it("is shown by the guide", async () => {
    const guide = await readFile(new URL("../../docs/guides/gate.md", import.meta.url), "utf8")
    const workflow = await readFile(new URL("../eval/gate.yml", import.meta.url), "utf8")
    assert.include(guide, workflow)
    const [step] = (parse(workflow) as { jobs: { eval: { steps: Array<{ with?: object }> } } }).jobs.eval.steps.slice(1)
    for (const name of Object.keys(step!.with!)) assert.property(action.inputs, name)
    for (const name of Object.keys(action.inputs)) assert.include(guide, `\`${name}\``)
  })

  it("leaves the comment of somebody else alone, whatever it begins with", async () => {
    const report = join(folder, "short.md")
    await writeFile(report, "the report")
    await writeFile(join(folder, "event.json"), JSON.stringify(pullOf(false)))
    const first = "<!-- noukai eval long.eval.yaml -->"
    for (const token of [undefined, "a-team"]) {
      owner = token
      comments = [{ id: 1, user: stranger, body: `${first}\npassed` }]
      await commented(report)
      await commented(report)
      assert.deepStrictEqual(comments.map(({ body }) => body), [`${first}\npassed`, `${first}\nthe report`])
    }
  })

  it("cuts a report that is too long for a comment at the end of a line", async () => {
    const report = join(folder, "long.md")
    await writeFile(report, "a line of the report\n".repeat(5000))
    await writeFile(join(folder, "event.json"), JSON.stringify(pullOf(false)))
    await commented(report)
    const { body } = comments[0]!
    assert.isBelow(body.length, 65_536)
    assert.match(body, /a line of the report\n\nThe report is longer: the page of the job has all of it\.$/)
  })

  it("skips the pull request of a fork without a key, and says so", async () => {
    const { code, log, summary } = await ran({ ...live(), "api-key": "" }, pullOf(true))
    assert.strictEqual(code, 0)
    assert.include(log, "::notice title=Noukai eval::The eval was skipped")
    assert.include(summary, "a pull request from a fork has no key")
    assert.deepStrictEqual([calls, emulator.ledger().requestsReceived], [[], 0])
  })

  it("fails without a key elsewhere, and for pull_request_target", async () => {
    const without = await ran({ ...live(), "api-key": "" })
    assert.strictEqual(without.code, 2)
    assert.include(without.log, "::error title=Noukai eval::there is no key")
    const target = await ran(live(), pullOf(true), "pull_request_target")
    assert.strictEqual(target.code, 2)
    assert.include(target.log, "use pull_request")
    assert.strictEqual(emulator.ledger().requestsReceived, 0)
  })

  it(
    "keeps its verdict where the comment is refused, and writes none without a pull request",
    { timeout: 120_000 },
    async () => {
      refuses = true
      const refused = await ran(live())
      assert.strictEqual(refused.code, 0, refused.log)
      assert.include(refused.log, "::warning title=Noukai eval::the comment was not written: GitHub answered 403")
      calls = []
      assert.strictEqual((await ran(live(), {}, "push")).code, 0)
      assert.strictEqual((await ran({ ...live(), comment: "false" })).code, 0)
      assert.deepStrictEqual(calls, [])
    }
  )

  it("ends with 2 for a wrong definition, with a comment that says so, and without the key in any text", {
    timeout: 120_000
  }, async () => {
    const { code, log, summary } = await ran({ ...live(), definition: "none; touch hacked" })
    assert.strictEqual(code, 2, log)
    assert.include(comments[0]!.body, "The eval did not run")
    for (const text of [log, summary, comments[0]!.body]) assert.notInclude(text, emulator.apiKey)
  })
})
