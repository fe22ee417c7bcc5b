/**
 * Draws the pictures of runs: `docs/guides/run.svg` of the trace in `docs/guides/run.json`, for the README; and a run that works, for the
 * first page of the site, in two themes.
 *
 *     npm run picture
 */
import { startEmulator } from "@effect-noukai/emulator"
import { Noukai } from "@effect-noukai/promise"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as Schema from "effect/Schema"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { root } from "./workspace.mjs"

const guides = join(root, "docs/guides")

const decode = Schema.decodeUnknownSync(Trace.Trace)

const trace = decode(JSON.parse(await readFile(join(guides, "run.json"), "utf8")))
await writeFile(join(guides, "run.svg"), Waterfall.toSvg(trace, { title: "acme/support/orders" }))

const ref = "acme/spelling/grade-3"
const step = (id, duration, costUsd) => ({ kind: "template", id, output: id, duration: `${duration} millis`, costUsd })
const emulator = await startEmulator({
  flows: [{
    ref,
    steps: [
      step("read", 140, "0.00021"),
      step("correct", 420, "0.00093"),
      step("grade", 260, "0.00048"),
      step("explain", 180, "0.0003")
    ]
  }]
})
const noukai = new Noukai({ apiKey: "nk_test", env: "dev", port: emulator.port })
const { executionId } = await noukai.flow(ref).execute({ message: "The cat sat." })
const done = await noukai.flow(ref).run(executionId).trace()
await noukai.close()
await emulator.close()

const svg = Waterfall.toSvg(decode(done.raw ?? done), { title: ref, width: 720 })
const [, dark] = /@media \(prefers-color-scheme:dark\)\{#[^{]*\{([^}]*)\}\}/.exec(svg)
const light = svg.replace(/@media \(prefers-color-scheme:dark\)\{#[^}]*\{[^}]*\}\}/, "")
await writeFile(join(guides, "run-done-light.svg"), light)
await writeFile(
  join(guides, "run-done-dark.svg"),
  light.replace(/(<style>#[\w-]+\{)[^}]*(\})/, (_, open, close) => open + dark + close)
)
