/** The command behind a proxy: real sockets, a real CONNECT proxy, and TLS through it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck } from "effect"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { type AddressInfo, connect, type Server } from "node:net"
import { join } from "node:path"
import { folder } from "../../sdk/test/support/folder.js"
import { proxyFor } from "../src/settings/proxy.js"
import { noukai, spawned } from "./support/command.js"
import { environment, server } from "./support/server.js"

const key = "nk_live_behind_a_proxy"

/** Listens on any free port of this machine. */
const listening = <S extends Server>(server: S) =>
  Effect.acquireRelease(
    Effect.async<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.sync(() => void server.close())
  )

/** The hosted service with a certificate of its own, which `NODE_EXTRA_CA_CERTS` makes a process trust. */
const hostedService = Effect.gen(function*() {
  const path = yield* folder
  const certificate = join(path, "certificate.pem")
  const privateKey = join(path, "key.pem")
  execFileSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-keyout", privateKey, "-out", certificate],
    ...["-subj", "/CN=api.noukai.xyz", "-addext", "subjectAltName=DNS:api.noukai.xyz"]
  ], { stdio: "ignore" })
  const seen: Array<Record<string, unknown>> = []
  const port = yield* listening(
    createTlsServer({ cert: readFileSync(certificate), key: readFileSync(privateKey) }, (request, response) => {
      seen.push({ method: request.method, url: request.url, ...request.headers })
      request.resume().on("end", () => {
        response.setHeader("content-type", "application/json")
        if (request.method === "GET") {
          const isKnown = request.headers.authorization !== undefined
          response.statusCode = isKnown ? 404 : 401
          const code = isKnown ? "SESSION_NOT_FOUND" : "UNAUTHENTICATED"
          return response.end(JSON.stringify({ detail: { code, message: "no" } }))
        }
        response.end(JSON.stringify({ status: "completed", result: "done", blockCount: 1, executionId: "e" }))
      })
    })
  )
  return { port, seen, env: { NODE_EXTRA_CA_CERTS: certificate, NOUKAI_API_KEY: key } }
})

/** A proxy that tunnels to a port, and keeps the bytes that it can read itself. It may ask for credentials first. */
const proxying = (to = 1, credentials?: string) =>
  Effect.gen(function*() {
    const read: Array<string> = []
    const proxy = createServer((request, response) => {
      read.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
      response.end()
    })
    proxy.on("connect", (request, socket) => {
      const given = request.headers["proxy-authorization"]
      read.push(`CONNECT ${request.url} ${Buffer.from(given?.replace("Basic ", "") ?? "", "base64").toString()}`.trim())
      if (credentials !== undefined && !read.at(-1)!.endsWith(` ${credentials}`)) {
        return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
      }
      const target = connect(to, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n")
        target.pipe(socket).pipe(target)
      })
      for (const one of [target, socket]) one.on("error", () => target.destroy() && socket.destroy())
    })
    return { read, port: yield* listening(proxy) }
  })

const run = ["run", "acme/test/echo", "hi"]

const echo = server({
  flows: [{ ref: "acme/test/echo", steps: [{ kind: "template", id: "a", output: "{{message}}" }] }]
})

describe("a proxy", () => {
  it.scopedLive("is used with its credentials for the hosted service, and sees neither key nor message", () =>
    Effect.gen(function*() {
      const { env, port, seen } = yield* hostedService
      const proxy = yield* proxying(port, "me:p@ss")
      const HTTPS_PROXY = `http://me:p%40ss@127.0.0.1:${proxy.port}`
      assert.deepStrictEqual(yield* spawned(run, { env: { ...env, HTTPS_PROXY } }), {
        code: 0,
        stdout: "done\n",
        stderr: ""
      })
      assert.deepStrictEqual(proxy.read, ["CONNECT api.noukai.xyz:443 me:p@ss"])
      assert.deepInclude(seen[0], {
        method: "POST",
        url: "/api/v1/seq/acme/test/echo/execute",
        authorization: `Bearer ${key}`
      })
      assert.notProperty(seen[0], "proxy-authorization")

      const doctor = yield* spawned(["doctor"], { env: { ...env, HTTPS_PROXY } })
      assert.strictEqual(doctor.code, 0, doctor.stdout)
      assert.include(doctor.stdout, `✓ proxy      http://***@127.0.0.1:${proxy.port}, from HTTPS_PROXY\n`)
      assert.match(doctor.stdout, /✓ key {8}.*the server accepts it/)
      assert.match(doctor.stdout, /✓ reachable {2}it answers in/)
      assert.notInclude(doctor.stdout, "p@ss")
      assert.deepStrictEqual(new Set(proxy.read), new Set(["CONNECT api.noukai.xyz:443 me:p@ss"]))
    }))

  for (const name of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"]) {
    it.scopedLive(`of ${name} that refuses is said, and nothing ran`, () =>
      Effect.gen(function*() {
        const proxy = yield* proxying(1, "me:right")
        const env = { NOUKAI_API_KEY: key, [name]: `me:wrong@127.0.0.1:${proxy.port}` }
        const { code, stderr } = yield* noukai(run, { env })
        assert.strictEqual(code, 7, stderr)
        assert.include(stderr, "407")
        const doctor = yield* noukai(["doctor"], { env })
        assert.strictEqual(doctor.code, 7)
        assert.include(doctor.stdout, `✓ proxy      http://***@127.0.0.1:${proxy.port}, from ${name}\n`)
        assert.include(doctor.stdout, "✗ reachable")
        assert.include(
          doctor.stdout,
          `the proxy requires a user and a password: set ${name} to http://user:password@host:port`
        )
        assert.notInclude(stderr + doctor.stdout, "wrong@")
        assert.deepStrictEqual(new Set(proxy.read), new Set(["CONNECT api.noukai.xyz:443 me:wrong"]))
      }))
  }

  it.scopedLive("is never used for this machine, whatever its name", () =>
    Effect.gen(function*() {
      const { NOUKAI_API_KEY, NOUKAI_BASE_URL } = yield* environment
      const proxy = yield* proxying()
      const { port } = new URL(NOUKAI_BASE_URL)
      const proxies = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, http_proxy: `http://127.0.0.1:${proxy.port}` }
      const env = { NOUKAI_API_KEY, ...proxies }
      for (const name of ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433"]) {
        const NOUKAI_BASE_URL = `http://${name}:${port}/api/v1`
        const { code, stdout } = yield* noukai(run, { env: { ...env, NOUKAI_BASE_URL } })
        assert.deepStrictEqual([name, code, stdout], [name, 0, "hi\n"])
      }
      const dev = yield* noukai([...run, "--env", "dev", "--port", port], { env })
      assert.deepStrictEqual([dev.code, dev.stdout], [0, "hi\n"])
      const { stdout } = yield* noukai(["doctor"], { env: { ...env, NOUKAI_BASE_URL } })
      assert.notInclude(stdout, "proxy")
      assert.deepStrictEqual(proxy.read, [])
    }).pipe(Effect.provide(echo)))

  it.scopedLive("is not asked for an http:// address, which it could read, and nothing is sent", () =>
    Effect.gen(function*() {
      const proxy = yield* proxying()
      const url = `http://127.0.0.1:${proxy.port}`
      for (const NOUKAI_BASE_URL of ["http://api.noukai.xyz/api/v1", "http://example.org/api/v1"]) {
        const env = { NOUKAI_API_KEY: key, NOUKAI_BASE_URL, HTTP_PROXY: url, HTTPS_PROXY: url }
        const { code, stderr } = yield* noukai(run, { env })
        assert.strictEqual(code, 2)
        assert.include(stderr, "the proxy would see the key")
      }
      assert.deepStrictEqual(proxy.read, [])
    }))

  it.scopedLive("that is none is refused without its value, and nothing is sent", () =>
    Effect.gen(function*() {
      for (
        const HTTPS_PROXY of ["socks5://me:secret@host:1", "http://me:%zzsecret@host", "http://", "not a url secret"]
      ) {
        const { code, stderr } = yield* noukai(run, { env: { NOUKAI_API_KEY: key, HTTPS_PROXY } })
        assert.strictEqual(code, 2, HTTPS_PROXY)
        assert.include(stderr, "HTTPS_PROXY is not the URL of a proxy: set it to http://host:port")
        assert.notInclude(stderr, "secret")
      }
    }))
})

describe("NO_PROXY", () => {
  const isUsed = (noProxy: string, url = "https://api.noukai.xyz"): boolean => {
    const before = process.env
    process.env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: noProxy }
    try {
      return Either.getOrThrow(proxyFor(new URL(url))) !== undefined
    } finally {
      process.env = before
    }
  }

  it("names hosts, and those below them, with or without a port", () => {
    for (
      const names of [
        "*",
        "api.noukai.xyz",
        "noukai.xyz",
        ".noukai.xyz",
        "*.noukai.xyz",
        "NOUKAI.XYZ",
        "a,b api.noukai.xyz:443"
      ]
    ) {
      assert.isFalse(isUsed(names), names)
    }
    for (const names of ["", ",", "kai.xyz", "api.noukai.xyz:80", "api.noukai.dev", "xapi.noukai.xyz", "."]) {
      assert.isTrue(isUsed(names), names)
    }
  })

  it.prop("has no name that is not the end of the host", [FastCheck.stringMatching(/^[a-z.*]{0,12}$/)], ([name]) => {
    const host = name.replace(/^\*?\./, "")
    assert.strictEqual(isUsed(name), name !== "*" && (host === "" || !".api.noukai.xyz".endsWith(`.${host}`)))
  })
})
