import { type ChildProcess, spawn } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, beforeAll, describe, it } from "vitest"
import { bundledProgram } from "../../sdk/test/support/bundledProgram.js"
import { isWhole, size } from "../../sdk/test/support/size.js"
import type { Parsed } from "./client.js"

const packageRoot = fileURLToPath(new URL("..", import.meta.url))

const bin = join(packageRoot, "bin/noukai-emulator.js")

let program: string

/** From source, or what was built when the suite runs against that. */
beforeAll(async () => {
  program = process.env.TEST_DIST === undefined
    ? await bundledProgram(new URL("./support/commandProcess.ts", import.meta.url))
    : bin
})

const start = (...args: ReadonlyArray<string>): ChildProcess => spawn(process.execPath, [program, ...args])

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
}

const follow = (child: ChildProcess) => {
  let out = ""
  let err = ""
  const listeners = new Set<() => void>()
  child.stdout!.on("data", (chunk: Buffer) => {
    out += chunk.toString()
    for (const listener of listeners) listener()
  })
  child.stderr!.on("data", (chunk: Buffer) => {
    err += chunk.toString()
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, out, err }))
  })
  const printed = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(out)
        if (match !== null) resolve(match)
      }
      listeners.add(look)
      look()
      void ended.then((result) => reject(new Error(`ended before: ${JSON.stringify(result)}`)))
    })
  return { ended, printed }
}

const inFolder = async (use: (folder: string) => Promise<void>) => {
  const folder = await mkdtemp(join(tmpdir(), "noukai-emulator-"))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

describe.concurrent("noukai-emulator", () => {
  for (const signal of isWhole ? ["SIGINT", "SIGTERM"] as const : ["SIGINT"] as const) {
    it(`prints its URL, answers, and ends well on ${signal}`, async () => {
      const child = start("--port", "0")
      const { ended, printed } = follow(child)
      const [, url] = await printed(/listens at (http:\/\/127\.0\.0\.1:\d+)\n/)
      const [, key] = await printed(/API key {2}(\S+)\n/)
      const response = await fetch(`${url}/api/v1/seq/noukai/samples/hello-world/execute`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ message: "hi" })
      })
      assert.strictEqual(((await response.json()) as Parsed).result.text, "Hello! You said: hi")
      child.kill(signal)
      const { code, err } = await ended
      assert.strictEqual(code, 0)
      assert.strictEqual(err, "")
    })
  }

  it("runs the flows of a file", () =>
    inFolder(async (folder) => {
      const path = join(folder, "flows.json")
      await writeFile(
        path,
        JSON.stringify({ flows: [{ ref: "a/b/c", steps: [{ kind: "template", id: "x", output: "mine" }] }] })
      )
      const child = start("--port", "0", "--flows", path)
      const { ended, printed } = follow(child)
      const [, url] = await printed(/API\s+(http\S+)\n/)
      const response = await fetch(`${url}/seq/a/b/c/execute`, {
        method: "POST",
        headers: { authorization: "Bearer nk_a" },
        body: "{}"
      })
      assert.strictEqual(((await response.json()) as Parsed).result, "mine")
      child.kill("SIGTERM")
      await ended
    }))

  it("streams in the shape that --stream-outputs names", async () => {
    for (const shape of isWhole ? ["hosted", "documented"] : ["documented"]) {
      const child = start("--port", "0", "--stream-outputs", shape)
      const { ended, printed } = follow(child)
      const [, url] = await printed(/API\s+(http\S+)\n/)
      const response = await fetch(`${url}/seq/noukai/samples/hello-world/step`, {
        method: "POST",
        headers: { authorization: "Bearer nk_a" },
        body: "{\"message\":\"hi\"}"
      })
      const text = await response.text()
      assert.strictEqual(text.includes("outputContext"), shape === "hosted")
      assert.strictEqual(text.includes("\"result\""), shape === "documented")
      child.kill("SIGTERM")
      await ended
    }
  })

  it("is bounded, captures and bills as its flags say", async () => {
    const child = start(
      "--port",
      "0",
      "--limits-body-bytes",
      "100",
      "--capture",
      "full",
      "--organisations",
      "{\"acme\":{\"credits\":\"0\"}}"
    )
    const { ended, printed } = follow(child)
    const [, url] = await printed(/API\s+(http\S+)\n/)
    const send = async (path: string, body?: object) => {
      const response = await fetch(`${url}/seq/${path}`, {
        headers: { authorization: "Bearer nk_a" },
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) })
      })
      return { status: response.status, json: await response.json() as Parsed }
    }
    const hello = "noukai/samples/hello-world"
    assert.strictEqual((await send(`${hello}/execute`, { message: "x".repeat(100) })).status, 413)
    assert.strictEqual((await send("acme/spelling/grade-3/execute", { message: "hi" })).status, 402)
    const { executionId } = (await send(`${hello}/execute`, { message: "hi" })).json
    const { json } = await send(`${hello}/runs/${executionId}/trace`)
    assert.deepStrictEqual(json.steps[0].inputContext, { message: "hi" })
    child.kill("SIGTERM")
    await ended
  })

  it("names the place of a mistake in a file", () =>
    inFolder(async (folder) => {
      const path = join(folder, "flows.json")
      await writeFile(path, JSON.stringify({ flows: [{ ref: "a/b/c", steps: [{ kind: "tempalte" }] }] }))
      const { code, err } = await follow(start("--port", "0", "--flows", path)).ended
      assert.strictEqual(code, 1)
      assert.include(err, path)
      assert.include(err, "flows[0].steps[0].kind")
    }))

  it("listens on 127.0.0.1 alone unless told otherwise", async () => {
    const child = start("--port", "0")
    const { ended, printed } = follow(child)
    const [, port] = await printed(/listens at http:\/\/127\.0\.0\.1:(\d+)\n/)
    const refused: unknown = await fetch(`http://127.0.0.2:${port}/_emulator/ledger`).catch((error: unknown) => error)
    assert.instanceOf(refused, TypeError)
    child.kill("SIGTERM")
    assert.notInclude((await ended).out, "Others can reach it")
  })

  it("says that others can reach it, and offers them no control", async () => {
    const child = start("--port", "0", "--host", "0.0.0.0")
    const { ended, printed } = follow(child)
    const [, port] = await printed(/listens at http:\/\/0\.0\.0\.0:(\d+)\n/)
    await printed(/Others can reach it: 0\.0\.0\.0 is not a loopback address\.\n/)
    const response = await fetch(`http://127.0.0.1:${port}/_emulator/ledger`)
    assert.strictEqual(response.status, 404)
    await response.text()
    child.kill("SIGTERM")
    await ended
  })

  it("says that a port is taken", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    const { code, err } = await follow(start("--port", String(port))).ended
    server.close()
    assert.strictEqual(code, 1)
    assert.include(err, `Port ${port} of 127.0.0.1 is taken by another process.`)
  })

  it("explains wrong arguments", async () => {
    const wrong = [["--port", "many"], ["--prot", "1"], ["--port", "70000"], ["--capture", "all"]]
    for (const args of wrong.slice(0, size(4, 1))) {
      const { code, err } = await follow(start(...args)).ended
      assert.strictEqual(code, 1, args.join(" "))
      assert.include(err, "--flows")
    }
    const help = await follow(start("--help")).ended
    assert.strictEqual(help.code, 0)
    assert.include(help.out, "--flows")
  })

  it("prints the JSON Schema of a flows file", async () => {
    const { code, out } = await follow(start("--schema")).ended
    assert.strictEqual(code, 0)
    assert.strictEqual((JSON.parse(out) as Parsed).$ref, "#/$defs/FlowFile")
  })

  it("says what to do when it is not built", () =>
    inFolder(async (folder) => {
      await mkdir(join(folder, "bin"))
      await cp(bin, join(folder, "bin/noukai-emulator.js"))
      await writeFile(join(folder, "package.json"), "{\"type\":\"module\"}")
      const child = spawn(process.execPath, [join(folder, "bin/noukai-emulator.js")])
      const { code, err } = await follow(child).ended
      assert.strictEqual(code, 1)
      assert.include(err, "npm run build")
    }))
})
