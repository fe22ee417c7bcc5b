/** Who a studio answers, by raw requests. */
import { APIConnectionError } from "@effect-noukai/sdk/NoukaiError"
import { Unavailable } from "@effect-noukai/studio/RunsApi"
import * as Studio from "@effect-noukai/studio/Studio"
import { StudioRunner } from "@effect-noukai/studio/StudioRunner"
import { StudioSource } from "@effect-noukai/studio/StudioSource"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Layer, Logger, LogLevel, Redacted, Stream } from "effect"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cookieOf, open, send } from "./support/client.js"
import * as Scripted from "./support/scripted.js"
import * as Stories from "./support/stories.js"

const folder = Effect.acquireRelease(
  Effect.promise(() => Fs.mkdtemp(join(tmpdir(), "studio-"))),
  (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
)

/** A page of two files, in a folder beside which there is a file that is nobody's business. */
const built = Effect.gen(function*() {
  const path = yield* folder
  yield* Effect.promise(async () => {
    await Fs.mkdir(join(path, "page/assets"), { recursive: true })
    await Fs.writeFile(join(path, "secret.txt"), "not for you")
    await Fs.writeFile(join(path, "page/index.html"), "<!doctype html><title>Studio</title>")
    await Fs.writeFile(join(path, "page/assets/index-1a2b.js"), "export {}")
    await Fs.writeFile(join(path, "page/icon.svg"), "<svg/>")
  })
  return join(path, "page")
})

const start = (options: Studio.Options = {}) =>
  Effect.gen(function*() {
    const scripted = yield* Scripted.make()
    yield* scripted.put(...Stories.all)
    const studio = yield* Effect.provide(Studio.serve({ assets: yield* built, ...options }), scripted.layer)
    return { ...studio, scripted, cookie: yield* cookieOf(studio.url) }
  })

const targets = [
  "/",
  "/runs/acme/spelling/grade-3/run-completed",
  "/assets/index-1a2b.js",
  "/api/runs",
  "/api/changes",
  "/api/nothing"
]

describe("the secret of a studio", () => {
  const kept = Effect.map(folder, (path) => join(path, "state/studio-secret"))

  it.scopedLive("is made where it is missing, for this user alone, and kept", () =>
    Effect.gen(function*() {
      const file = yield* kept
      const made = yield* Studio.secretOf(file)
      assert.match(Redacted.value(made!), /^[\w-]{22}$/)
      assert.deepStrictEqual(yield* Studio.secretOf(file), made)
      assert.strictEqual((yield* Effect.promise(() => Fs.stat(file))).mode & 0o777, 0o600)
      assert.isUndefined(yield* Studio.secretOf("/dev/null/state/studio-secret"))
    }))

  it.scopedLive("is refused where other users may know or change it", () =>
    Effect.gen(function*() {
      const file = yield* kept
      const made = yield* Studio.secretOf(file)
      for (
        const [mode, verb] of [[0o666, "write"], [0o644, "read"], [0o640, "read"], [0o604, "read"], [
          0o620,
          "write"
        ]] as const
      ) {
        yield* Effect.promise(() => Fs.chmod(file, mode))
        const { message, reason } = yield* Effect.flip(Studio.secretOf(file))
        const shown = `0${mode.toString(8)}`
        assert.deepStrictEqual([reason, message], [
          "Secret",
          `${file}, the secret of the studio, has mode ${shown}, with which other users can ${verb} it. ` +
          `Delete it (\`rm '${file}'\`): the next start makes a new one with mode 0600.`
        ])
      }
      for (const mode of [0o600, 0o400]) {
        yield* Effect.promise(() => Fs.chmod(file, mode))
        assert.deepStrictEqual(yield* Studio.secretOf(file), made)
      }
      const link = `${file}-link`
      yield* Effect.promise(() => Fs.chmod(file, 0o644).then(() => Fs.symlink(file, link)))
      assert.strictEqual((yield* Effect.flip(Studio.secretOf(link))).reason, "Secret")
      // only root can give a file away
      if (process.getuid?.() !== 0) return
      yield* Effect.promise(() => Fs.chmod(file, 0o600).then(() => Fs.chown(file, 12_345, 12_345)))
      assert.include((yield* Effect.flip(Studio.secretOf(file))).message, "belongs to the user 12345, not to 0")
    }), { skip: process.platform === "win32" })
})

describe("a studio", () => {
  it.scopedLive("answers nobody without the cookie, and says which address to open", () =>
    Effect.gen(function*() {
      const { cookie, port, url } = yield* start()
      const [name] = cookie.split("=")
      const guesses = [{}, { cookie: `${name}=` }, { cookie: `${name}=x` }, { cookie: "other=1" }, {
        cookie: `${cookie}x`
      }]
      for (const target of [...targets, "/?token=", "/?token=wrong", `/api/runs?token=${"x".repeat(22)}`]) {
        for (const headers of guesses) {
          const { status, text } = yield* send(port, target, { headers })
          assert.strictEqual(status, 401, target)
          assert.include(text, "Open that address")
        }
      }
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{22}$/)
    }))

  it.scopedLive("trades the token for a cookie, and sends the browser to the same address without it", () =>
    Effect.gen(function*() {
      const { cookie, port, url } = yield* start()
      const { search } = new URL(url)
      const { headers, status, text } = yield* send(port, `/runs/a${search}&status=failed`)
      assert.deepStrictEqual([status, headers.location, text], [303, "/runs/a?status=failed", ""])
      assert.match(
        headers["set-cookie"]![0]!,
        new RegExp(`^noukai-studio-${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Lax$`)
      )
      assert.notInclude(headers["set-cookie"]![0]!, search.slice("?token=".length))
      assert.strictEqual((yield* send(port, "/", { headers: { cookie } })).status, 200)
      // no address makes it send the browser elsewhere
      assert.strictEqual((yield* send(port, `//evil.example/${search}`)).status, 404)
      assert.strictEqual((yield* send(port, `/\\evil.example/${search}`)).status, 404)
    }))

  it.scopedLive("lets a link of another site open the page, and nothing else of another site", () =>
    Effect.gen(function*() {
      const { cookie, port, url } = yield* start()
      const { search } = new URL(url)
      for (const site of ["cross-site", "same-site"]) {
        const link = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }
        const traded = yield* send(port, `/runs/"><script>${search}`, { headers: link })
        assert.deepStrictEqual([traded.status, traded.headers.location, traded.text], [
          303,
          "/runs/%22%3E%3Cscript%3E",
          ""
        ])
        const statusOf = (target: string, headers: Record<string, string>) =>
          Effect.map(send(port, target, { headers: { cookie, ...link, ...headers } }), ({ status }) => status)
        assert.strictEqual(yield* statusOf("/?status=failed", {}), 200)
        assert.strictEqual(yield* statusOf("/api/runs", {}), 403)
        assert.strictEqual(yield* statusOf("/?status=failed", { cookie: "" }), 401)
        for (const part of ["iframe", "object", "embed"]) {
          assert.strictEqual(yield* statusOf("/", { "sec-fetch-dest": part }), 403, part)
        }
        for (const mode of ["no-cors", "cors"]) {
          const headers = { "sec-fetch-mode": mode, "sec-fetch-dest": "script" }
          assert.strictEqual(yield* statusOf("/assets/index-1a2b.js", headers), 403, mode)
        }
      }
    }))

  it.scopedLive("answers only under its own names", () =>
    Effect.gen(function*() {
      const { cookie, port } = yield* start()
      const statusOf = (host: string) =>
        Effect.map(send(port, "/api/runs", { headers: { cookie, host } }), ({ status }) => status)
      for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
        assert.strictEqual(yield* statusOf(host), 200, host)
      }
      for (
        const host of [
          "evil.example",
          `evil.example:${port}`,
          "127.0.0.1",
          `127.0.0.1:${port + 1}`,
          `127.0.0.1.evil.example:${port}`,
          `127.0.0.1:${port}.evil.example`,
          `localhost.evil.example:${port}`,
          `user@127.0.0.1:${port}`,
          `10.0.0.1:${port}`
        ]
      ) assert.strictEqual(yield* statusOf(host), 403, host)
    }))

  it.scopedLive("answers no name that can be rebound where it listens everywhere", () =>
    Effect.gen(function*() {
      const { cookie, port } = yield* start({ host: "0.0.0.0" })
      const statusOf = (host: string) =>
        Effect.map(send(port, "/", { headers: { cookie, host } }), ({ status }) => status)
      assert.strictEqual(yield* statusOf(`192.168.1.7:${port}`), 200)
      assert.strictEqual(yield* statusOf(`localhost:${port}`), 200)
      assert.strictEqual(yield* statusOf(`evil.example:${port}`), 403)
      assert.strictEqual(yield* statusOf("192.168.1.7:80"), 403)
    }))

  it.scopedLive("refuses pages of other sites, those of other ports of this machine too", () =>
    Effect.gen(function*() {
      const { cookie, port } = yield* start()
      const statusOf = (headers: Record<string, string>, target = "/api/runs") =>
        Effect.map(send(port, target, { headers: { cookie, ...headers } }), ({ status }) => status)
      for (
        const origin of [
          "http://evil.example",
          "null",
          `https://127.0.0.1:${port}`,
          `http://localhost:${port}`,
          `http://127.0.0.1:${port + 1}`,
          "http://127.0.0.1",
          `http://127.0.0.1:${port}/`
        ]
      ) assert.strictEqual(yield* statusOf({ origin }), 403, origin)
      assert.strictEqual(yield* statusOf({ origin: `http://127.0.0.1:${port}` }), 200)
      assert.strictEqual(yield* statusOf({ "sec-fetch-site": "same-origin" }), 200)
      assert.strictEqual(yield* statusOf({ "sec-fetch-site": "same-site" }), 403)
      assert.strictEqual(yield* statusOf({ "sec-fetch-site": "cross-site" }), 403)
      // a link from another page of this machine
      assert.strictEqual(yield* statusOf({ "sec-fetch-site": "same-site" }, "/"), 200)
    }))

  it.scopedLive("only reads", () =>
    Effect.gen(function*() {
      const { cookie, port } = yield* start()
      for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) {
        for (const target of ["/", "/api/runs"]) {
          const { headers, status } = yield* send(port, target, { method, headers: { cookie } })
          assert.deepStrictEqual([status, headers.allow], [405, "GET, HEAD"], `${method} ${target}`)
        }
      }
      for (const target of ["/", "/api/runs", "/assets/index-1a2b.js"]) {
        const got = yield* send(port, target, { headers: { cookie } })
        const head = yield* send(port, target, { method: "HEAD", headers: { cookie } })
        assert.deepStrictEqual([got.status, head.status, head.text], [200, 200, ""], target)
        assert.strictEqual(head.headers["content-type"], got.headers["content-type"])
      }
    }))

  it.scopedLive("has its headers on every response", () =>
    Effect.gen(function*() {
      const { cookie, port, url } = yield* start()
      const all = yield* Effect.all([
        ...[
          "/",
          "/runs/x",
          "/assets/index-1a2b.js",
          "/assets/none.js",
          "/icon.svg",
          "/api/runs",
          "/api/nothing",
          "/api/runs?limit=x",
          "/api/run?flow=a&id=b",
          `/api/export?format=html&flow=${Stories.completed.id}&id=x`
        ].map((target) => send(port, target, { headers: { cookie } })),
        send(port, "/"),
        send(port, "/", { method: "POST" }),
        send(port, "/", { headers: { host: "evil.example" } }),
        send(port, new URL(url).search.replace("?", "/?"))
      ])
      for (const { headers } of all) {
        assert.strictEqual(
          headers["content-security-policy"],
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert.notInclude(headers["content-security-policy"]!, "unsafe")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.strictEqual(headers["referrer-policy"], "no-referrer")
        assert.isUndefined(headers["access-control-allow-origin"])
      }
      const caching = all.map(({ headers }) => headers["cache-control"])
      assert.strictEqual(caching[2], "private, max-age=31536000, immutable")
      assert.deepStrictEqual(new Set(caching.toSpliced(2, 1)), new Set(["no-store"]))
    }))

  it.scopedLive("serves the page for its states, and no file beside it", () =>
    Effect.gen(function*() {
      const { cookie, port } = yield* start()
      const get = (target: string) => send(port, target, { headers: { cookie } })
      for (const target of ["/", "/?flow=x", "/runs", "/runs/acme/spelling/grade-3/a.b", "/index.html"]) {
        const { headers, status, text } = yield* get(target)
        assert.strictEqual(status, 200, target)
        assert.strictEqual(headers["content-type"], "text/html; charset=utf-8")
        assert.include(text, "<title>Studio</title>")
      }
      assert.strictEqual((yield* get("/icon.svg")).headers["content-type"], "image/svg+xml")
      for (const target of ["/favicon.ico", "/assets/", "/assets/index-0000.js", "/secret.txt"]) {
        assert.strictEqual((yield* get(target)).status, 404, target)
      }
      const paths = [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "..\\secret.txt",
        "assets/../../secret.txt",
        "assets/..%2f..%2fsecret.txt",
        "./../secret.txt",
        "%00",
        "assets/%2e%2e/%2e%2e/secret.txt",
        ".",
        "..",
        "runs/../../secret.txt"
      ]
      for (const path of paths) {
        const { text } = yield* get(`/${path}`)
        assert.notInclude(text, "not for you", path)
      }
      // absolute, as to a proxy
      assert.strictEqual((yield* get(`http://127.0.0.1:${port}/`)).status, 404)
    }))

  it.scopedLive("leads nobody to another host", () =>
    Effect.gen(function*() {
      const { port, url } = yield* start()
      const { search } = new URL(url)
      for (const path of ["/.//evil.example/", "/a/..//evil.example/", "/./\\evil.example/"]) {
        for (const site of ["none", "cross-site"]) {
          const { headers, text } = yield* send(port, path + search, { headers: { "sec-fetch-site": site } })
          assert.notMatch(`${headers.location ?? ""} ${text}`, /(^|=)[/\\]{2}/, path)
        }
      }
    }))

  it.scopedLive("says how to build the page where it is not built", () =>
    Effect.gen(function*() {
      const { cookie, port } = yield* start({ assets: "/nowhere" })
      const { status, text } = yield* send(port, "/", { headers: { cookie } })
      assert.strictEqual(status, 503)
      assert.include(text, "npm run build")
      assert.strictEqual((yield* send(port, "/api/runs", { headers: { cookie } })).status, 200)
    }))

  it.scopedLive("knows the cookies of an earlier start of the same secret and port, and of no other", () =>
    Effect.gen(function*() {
      const secret = Redacted.make("a secret of this machine")
      const first = yield* Effect.scoped(start({ secret }))
      const port = first.port
      const again = yield* Effect.scoped(Effect.gen(function*() {
        yield* start({ secret, port })
        return (yield* send(port, "/", { headers: { cookie: first.cookie } })).status
      }))
      assert.strictEqual(again, 200)
      const other = yield* Effect.scoped(Effect.gen(function*() {
        const { url } = yield* start({ port })
        assert.notStrictEqual(url, first.url)
        return (yield* send(port, "/", { headers: { cookie: first.cookie } })).status
      }))
      assert.strictEqual(other, 401)
    }))

  it.scopedLive("does not take the cookie of another studio from it", () =>
    Effect.gen(function*() {
      const one = yield* start()
      const two = yield* start()
      assert.notStrictEqual(one.cookie.split("=")[0], two.cookie.split("=")[0])
      const cookie = `${one.cookie}; ${two.cookie}`
      for (const { port } of [one, two]) {
        assert.strictEqual((yield* send(port, "/", { headers: { cookie } })).status, 200)
      }
      const { status } = yield* send(one.port, "/", {
        headers: { cookie: one.cookie.replace(String(one.port), String(two.port)) }
      })
      assert.strictEqual(status, 401)
    }))

  it.scopedLive("fails where its port is taken", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const { message, reason } = yield* Effect.flip(start({ port }))
      assert.deepStrictEqual([reason, message], ["PortInUse", `Port ${port} of 127.0.0.1 is taken by another process.`])
      assert.strictEqual((yield* Effect.flip(start({ host: "203.0.113.1" }))).reason, "Listen")
    }))

  it.scopedLive("listens on this machine alone, unless it is told otherwise", () =>
    Effect.gen(function*() {
      const { port } = yield* start()
      const isOpen = (host: string) =>
        Effect.async<boolean>((resume) => {
          const socket = Net.connect({ host, port })
          socket.on("connect", () => resume(Effect.sync(() => (socket.destroy(), true))))
          socket.on("error", () => resume(Effect.succeed(false)))
        })
      assert.isTrue(yield* isOpen("127.0.0.1"))
      assert.isFalse(yield* isOpen("127.0.0.2"))
    }))
})

/** A key as they are, and one that looks like no key. */
const keys = {
  "a key": "nk_live_abcdefgh_0123456789abcdef0123456789abcdef",
  "another secret": "abcdefgh+/0123456789abcdef<'\"&%> =0123456789abcdef"
}

it.scopedLive("a key is masked after a line end and other escapes, and no word that has its letters", () =>
  Effect.gen(function*() {
    const key = keys["a key"]
    const scripted = yield* Scripted.make({})
    const texts = [`see:\n${key}`, `\t${key}`, `\u0001${key}`, JSON.stringify({ text: `\r\n${key}` }), `a%0A${key}`]
    yield* scripted.put({
      id: "run-1",
      flow: "acme/keys/x",
      durationMs: 1,
      steps: [{ id: "a", at: 0, ms: 1, input: { texts, message: "a blink_live_abcdefgh" }, output: texts.join("") }]
    })
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), scripted.layer)
    const page = yield* open(url)
    const { text } = yield* page.get("/api/step?flow=acme/keys/x&id=run-1&step=a")
    assert.deepStrictEqual([text.includes(key.slice(8)), text.includes("blink_live_abcdefgh")], [false, true])
  }))

for (const [name, key] of Object.entries(keys)) {
  it.scopedLive(`${name} is in no response, event, export or log, wherever a run has it`, () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const inUrl = encodeURIComponent(key)
      const logger = Logger.make(({ annotations, cause, message }) => {
        lines.push(JSON.stringify([message, [...annotations]]), Cause.pretty(cause))
      })
      yield* Effect.gen(function*() {
        const scripted = yield* Scripted.make({
          address: `https://user:${key}@noukai.example/api/v1`,
          missing: [{ what: key, why: key }]
        })
        yield* scripted.put({
          id: "run-1",
          flow: `acme/${key}/x`,
          version: key,
          trigger: key,
          sessionId: key,
          durationMs: 100,
          request: { message: key, parameters: { [key]: key } },
          conversations: { [`step ${key}`]: [{ content: key }], a: [key] },
          steps: [
            { id: `step ${key}`, at: 0, ms: 10, model: key, input: { [key]: `a ${key} b` }, output: key },
            { id: "a", at: 10, ms: 10, input: key, error: { code: key, message: `wrong key "${key}"`, detail: [key] } }
          ]
        })
        yield* scripted.put({
          id: "run-3",
          flow: "acme/keys/x",
          sessionId: "kept",
          steps: [{
            id: `step ${key}`,
            at: 0,
            ms: 1,
            input: { message: key, [key]: `a ${key}` },
            output: { [key]: key }
          }]
        })
        const failing = {
          ...scripted.source,
          run: (flow: string, id: string) =>
            id === "broken"
              ? Effect.die(new Error(`no luck with ${key}`))
              : id === "refused"
              ? new Unavailable({ message: `refused ${key}`, advice: `use another than ${key}` })
              : scripted.source.run(flow, id)
        }
        const { url } = yield* Effect.provide(
          Studio.serve({ assets: "/nowhere", hidden: [Redacted.make(key)] }),
          Layer.merge(
            Layer.succeed(StudioSource, failing),
            Layer.succeed(StudioRunner, {
              run: () =>
                new APIConnectionError({
                  method: "x",
                  isRetryable: false,
                  sent: "no",
                  detail: `refused ${key} of ${key}`
                })
            })
          )
        )
        const page = yield* open(url)
        const address = `flow=${encodeURIComponent(`acme/${key}/x`)}&id=run-1`
        const answers = yield* Effect.forEach([
          "/api/source",
          "/api/runs",
          `/api/runs?text=${inUrl}`,
          `/api/runs?limit=${inUrl}`,
          `/api/run?${address}`,
          `/api/run?flow=a&id=${inUrl}`,
          "/api/run?flow=a&id=broken",
          "/api/run?flow=a&id=refused",
          `/api/step?${address}&step=${encodeURIComponent(`step ${key}`)}`,
          `/api/step?${address}&step=a`,
          `/api/step?${address}&step=none-${inUrl}`,
          `/api/snippets?${address}`,
          `/api/export?${address}&format=otlp`,
          `/api/export?${address}&format=html`,
          `/api/points?text=${inUrl}`,
          `/api/search?${address}&text=a`,
          `/api/search?${address}&text=0123456789`,
          `/api/session?id=${inUrl}`,
          `/api/cassette?id=${inUrl}`,
          `/api/session?id=none-${inUrl}`,
          `/api/${inUrl}`,
          `/${inUrl}.js`
        ], page.get)
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [200, 200, 200, 400, 200, 404, 500, 502, 200, 200, 404, 200, 200, 200, 200, 200, 200, 200, 200, 404, 404, 404]
        )
        for (const [index, { headers, text }] of answers.entries()) {
          assert.notInclude(JSON.stringify(headers) + text, "0123456789abcdef", `answer ${index}`)
          assert.notInclude(text, "abcdefgh", `answer ${index}`)
          if (headers["content-length"] !== undefined) {
            assert.strictEqual(Number(headers["content-length"]), Buffer.byteLength(text))
          }
        }
        const kept = `session=kept&paths=**.note&patterns=${inUrl}`
        const more = yield* Effect.forEach([
          `/api/diff?before${address.replace(/^f/, "F").replace("&id", "&before")}&${
            address.replace("flow", "afterFlow").replace("id", "after")
          }`,
          `/api/diff/step?before${address.replace(/^f/, "F").replace("&id", "&before")}&${
            address.replace("flow", "afterFlow").replace("id", "after")
          }&at=0`,
          `/api/again?${address}`,
          `/api/again?flow=a&id=${inUrl}`,
          `/api/again/started?intention=${inUrl}`,
          `/api/keep?session=${inUrl}`,
          "/api/keep?session=kept",
          `/api/keep?${kept}`,
          `/api/keep/file?session=kept&file=cassette`,
          `/api/keep/file?session=kept&file=test`,
          `/api/keep/cases?session=kept&format=json&fields=${encodeURIComponent(`message=${key}`)}`,
          `/api/keep/cases?session=kept&format=csv&header=${inUrl}`,
          `/api/reconcile/plan?ledger=${inUrl}&batch=${inUrl}`
        ], page.get)
        assert.deepStrictEqual(
          more.map(({ status }) => status),
          [200, 200, 200, 404, 404, 400, 200, 200, 200, 200, 200, 400, 404]
        )
        const { studio } = yield* page.json(`/api/again?${address}`)
        const begun = yield* page.change("POST", "/api/again", {
          studio,
          intention: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01",
          input: { flow: "acme/test/x", message: key, parameters: { [key]: key } }
        })
        assert.strictEqual(begun.status, 200)
        for (const { headers, text } of [...more, begun]) {
          assert.notInclude(JSON.stringify(headers) + text, "0123456789abcdef")
          assert.notInclude(text, "abcdefgh")
        }
        // a search does not tell what is masked
        assert.deepStrictEqual(JSON.parse(answers[16]!.text), { hits: [], total: 0 })
        const watched = yield* Stream.runCollect(page.events(`/api/watch?${address}`))
        const changed = yield* page.events("/api/changes").pipe(
          Stream.tap(({ event }) =>
            event === "hello" ? scripted.put({ id: "run-2", flow: `acme/${key}/x`, sessionId: key }) : Effect.void
          ),
          Stream.takeUntil(({ event }) => event === "change"),
          Stream.runCollect
        )
        assert.notInclude(JSON.stringify([...watched, ...changed]), "0123456789abcdef")
        assert.deepStrictEqual([...watched].map(({ event }) => event), ["hello", "run", "end"])
      }).pipe(
        Logger.withMinimumLogLevel(LogLevel.All),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.include(lines.join("\n"), "The studio failed to answer")
      assert.notInclude(lines.join("\n"), "0123456789abcdef")
    }))
}

describe("a studio that starts", () => {
  /** Sends a request as soon as the port can be reached. Completes when it was answered, or its connection was closed. */
  const asked = (port: number): Effect.Effect<"answered" | "closed"> =>
    Effect.async((resume) => {
      let [isReached, text] = [false, ""]
      const socket = Net.connect({ host: "127.0.0.1", port })
      socket.on("connect", () => {
        isReached = true
        socket.write(`GET / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: close\r\n\r\n`)
      })
      socket.on("data", (part) => {
        text += part.toString()
      })
      socket.on("error", () => {})
      socket.on("close", () => resume(isReached ? Effect.succeed(text === "" ? "closed" : "answered") : asked(port)))
      return Effect.sync(() => socket.destroy())
    })

  it.scopedLive("keeps no request waiting that comes before it serves", () =>
    Effect.gen(function*() {
      const { port } = yield* Effect.scoped(start())
      for (let round = 0; round < 20; round++) {
        const requests = yield* Effect.forkAll(Array.from({ length: 8 }, () => asked(port)))
        yield* Effect.scoped(
          Effect.zipRight(
            start({ port }),
            Effect.timeoutFail(Fiber.join(requests), {
              duration: "10 seconds",
              onTimeout: () => new Error("a request had no end")
            })
          )
        )
      }
    }))
})
