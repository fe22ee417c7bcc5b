/** The hook in a page of React 18 and of 19, both in a StrictMode. */
import { build } from "esbuild"
import { JSDOM } from "jsdom"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, assert, describe, it, vi } from "vitest"
import { noContent, pageServer, pause, start, streaming, streamOf, textRun } from "./support/pageServer.js"
import type { mount } from "./support/reactPage.js"

const { resolve } = createRequire(import.meta.url)
const folderOf = (name: string) => dirname(resolve(`${name}/package.json`))

/** The page, bundled with the packages of those names. */
const bundle = async (react: string, reactDom: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("support/reactPage.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "page",
    platform: "browser",
    define: { "process.env.NODE_ENV": "\"development\"" },
    alias: { react: folderOf(react), "react-dom": folderOf(reactDom) },
    conditions: process.env.TEST_DIST === undefined ? ["@effect-noukai/source"] : []
  })
  return outputFiles[0]!.text
}

const versionOf = (name: string): string => createRequire(import.meta.url)(join(folderOf(name), "package.json")).version

const open: Array<() => void> = []

afterEach(() => {
  for (const close of open.splice(0)) close()
})

for (const [major, react, reactDom] of [["18", "react18", "react-dom18"], ["19", "react", "react-dom"]] as const) {
  const script = bundle(react, reactDom)

  /** Opens the page in a window of its own. */
  const openPage = async ({ fetch }: ReturnType<typeof pageServer>) => {
    const { window } = new JSDOM("<!doctype html><div></div>", { runScripts: "outside-only", pretendToBeVisual: true })
    const complaints: Array<unknown> = []
    Object.assign(window, { TextDecoder })
    window.console.error = (...parts: ReadonlyArray<unknown>) => complaints.push(parts)
    window.eval(`${await script}\nglobalThis.page = page`)
    const { document } = window
    const mounted = (window as unknown as { page: { mount: typeof mount } }).page.mount(
      document.querySelector("div")!,
      { url: "/api/triage", fetch }
    )
    open.push(() => {
      mounted.unmount()
      window.close()
    })
    const state = () => JSON.parse(document.querySelector("output")!.textContent)
    return {
      ...mounted,
      complaints,
      state,
      click: (id: string) => document.getElementById(id)!.click(),
      until: (expected: object) => vi.waitFor(() => assert.deepInclude(state(), expected), 30_000)
    }
  }

  describe(`useFlow in React ${major}`, () => {
    it("sends one request when it is mounted, and shows a run as it comes", async () => {
      assert.match(versionOf(react), new RegExp(`^${major}\\.`))
      const stream = streaming()
      const server = pageServer(noContent(), stream.response)
      const page = await openPage(server)
      await vi.waitFor(() => assert.lengthOf(server.requests, 1), 30_000)
      page.click("run")
      page.click("run")
      await page.until({ status: "running" })
      stream.send(...textRun("Hello").slice(0, 5))
      await page.until({
        text: "Hello",
        steps: [{ id: "answer#1", stepId: "answer", index: 0, name: "Answer", status: "running" }]
      })
      stream.send(...textRun("Hello").slice(5))
      stream.end()
      await page.until({ status: "completed", result: "Hello" })
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["GET", "POST"])
      assert.deepStrictEqual(page.complaints, [])
    })

    it("follows a run after a reload, and answers its tool", async () => {
      const server = pageServer(
        streamOf(...pause({ c1: ["confirm", {}] })),
        streamOf(start(), { type: "data-result", id: "result", data: 7 }, { type: "finish" })
      )
      const page = await openPage(server)
      await page.until({ status: "waiting", calls: [{ id: "c1", name: "confirm", input: {} }] })
      page.click("answer")
      await page.until({ status: "completed", result: 7, calls: [] })
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["GET", "POST"])
    })

    it("begins anew for another id, and closes the stream of the first", async () => {
      const stream = streaming()
      const server = pageServer(stream.response, noContent())
      const page = await openPage(server)
      await page.until({ status: "idle" })
      stream.send(...textRun("Hello").slice(0, 5))
      await page.until({ status: "running", text: "Hello" })
      page.click("other")
      await page.until({ status: "idle", text: "" })
      await vi.waitFor(
        () =>
          assert.deepStrictEqual(server.requests.map(({ url }) => url), [
            "/api/triage/a/stream",
            "/api/triage/b/stream"
          ]),
        30_000
      )
      assert.isTrue(server.requests[0]!.signal!.aborted)
      assert.isFalse(server.requests[1]!.signal!.aborted)
    })

    it("cancels, and closes its stream when it leaves", async () => {
      const streams = [streaming(), streaming()]
      const server = pageServer(streams[0]!.response, noContent(), streams[1]!.response)
      const page = await openPage(server)
      streams[0]!.send(start())
      await page.until({ status: "running" })
      page.click("cancel")
      await page.until({ status: "cancelled" })
      page.click("run")
      await page.until({ status: "running" })
      const renders = page.renders()
      page.unmount()
      await vi.waitFor(() => assert.isTrue(server.requests[2]!.signal!.aborted), 30_000)
      assert.deepStrictEqual(server.requests.map(({ method }) => method), ["GET", "DELETE", "POST"])
      assert.strictEqual(page.renders(), renders)
      assert.deepStrictEqual(page.complaints, [])
    })
  })
}
