/**
 * Draws the picture of the README, `docs/guides/run.svg`, from the trace that was recorded in `docs/guides/run.json`.
 *
 *     npm run picture
 */
import * as Waterfall from "@effect-noukai/report/Waterfall"
import * as Trace from "@effect-noukai/sdk/Trace"
import * as Schema from "effect/Schema"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { root } from "./workspace.mjs"

const guides = join(root, "docs/guides")

const trace = Schema.decodeUnknownSync(Schema.parseJson(Trace.Trace))(await readFile(join(guides, "run.json"), "utf8"))

await writeFile(join(guides, "run.svg"), Waterfall.toSvg(trace, { title: "acme/support/orders" }))
