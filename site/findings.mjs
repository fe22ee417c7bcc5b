/** Searches the built index as the page does, and returns the expectations that fail. */
import MiniSearch from "minisearch"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { fields, searchOptions } from "./search.mjs"

/** The text of a search, and the beginning of a link that is among the first results. */
const expected = [
  { text: "execute", link: "/api/sdk/FlowService.html#execute", within: 3 },
  { text: "FlowService.execute", link: "/api/sdk/FlowService.html#execute", within: 3 },
  { text: "trace", link: "/api/sdk/RunService.html#trace", within: 5 },
  ...["idempotency", "timeout", "server-sent", "budget", "replay", "zod"].map((text) => ({
    text,
    link: "/guides/",
    within: 1
  })),
  ...Object.entries({
    docker: "deploy",
    temporal: "durable",
    inngest: "durable",
    deploy: "deploy",
    kubernetes: "deploy",
    lambda: "deploy",
    webhook: "webhooks",
    react: "page",
    "getting started": "first-hour",
    logging: "observability",
    pricing: "money",
    price: "money",
    invoice: "money",
    bill: "money",
    pagination: "traces",
    upgrade: "runtimes",
    "effect 4": "effect-4",
    eresolve: "effect-4",
    jest: "runtimes",
    mock: "testing",
    sse: "http-recipes",
    troubleshooting: "troubleshooting"
  }).map(([text, page]) => ({ text, link: `/guides/${page}.html`, within: 3 }))
]

export const searchProblems = async (dist) => {
  const chunks = join(dist, "assets/chunks")
  const [name] = readdirSync(chunks).filter((name) => name.startsWith("@localSearchIndexroot"))
  const { default: json } = await import(pathToFileURL(join(chunks, name)).href)
  const index = MiniSearch.loadJSON(json, fields)
  return expected.flatMap(({ link, text, within }) => {
    const found = index.search(text, searchOptions).slice(0, 16).map(({ id }) => id)
    if (found.slice(0, within).some((id) => id.startsWith(link))) return []
    return [`search "${text}": ${link} is not among the first ${within}: ${found.slice(0, 6).join(", ")}`]
  })
}
