/**
 * Looks at the built site in Chromium, at the widths of a phone and of a screen, in both themes. Fails if a page or a table
 * is wider than its screen, or the console has an error, and leaves pictures in `site/pictures`.
 *
 *     npm run site:looks
 */
import { createReadStream, existsSync, mkdirSync } from "node:fs"
import { createServer } from "node:http"
import { extname, join } from "node:path"
import { chromium } from "playwright-core"
import { root } from "../scripts/workspace.mjs"

const dist = join(root, "site/dist")
const pictures = join(root, "site/pictures")

const types = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2"
}

const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, "http://site").pathname)
  const file = join(dist, path.endsWith("/") ? `${path}index.html` : path)
  if (!file.startsWith(dist) || !existsSync(file)) return response.writeHead(404).end()
  response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" })
  createReadStream(file).pipe(response)
})
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve))
const origin = `http://127.0.0.1:${server.address().port}`

const pages = [
  "/",
  "/overview.html",
  "/guides/",
  "/guides/first-hour.html",
  "/guides/errors.html",
  "/guides/command.html",
  "/guides/operating.html",
  "/guides/production.html",
  "/guides/run-once.html",
  "/guides/security.html",
  "/guides/configuration.html",
  "/packages/batch.html",
  "/api/",
  "/api/sdk/FlowService.html",
  "/api/sdk/Execution.html",
  "/api/sdk/NoukaiError.html",
  "/api/promise/Flow.html"
]

/** Returns the parts of the page that are wider than the screen. Runs in the page. */
const tooWide = () => {
  const { document } = globalThis
  const width = document.documentElement.clientWidth
  const found = document.documentElement.scrollWidth > width
    ? [`the page: ${document.documentElement.scrollWidth}`]
    : []
  for (const table of document.querySelectorAll(".vp-doc table")) {
    const { right } = table.getBoundingClientRect()
    if (right > width || table.scrollWidth > table.clientWidth + 1) {
      found.push(`a table (${Math.round(right)}): ${table.textContent.trim().slice(0, 60)}`)
    }
    for (const cell of table.querySelectorAll("td, th")) {
      if (cell.scrollWidth > cell.clientWidth + 1) found.push(`a cell: ${cell.textContent.trim().slice(0, 60)}`)
    }
  }
  return found
}

mkdirSync(pictures, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
})
const problems = []
for (const width of [390, 1280]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: width === 390 ? 844 : 800 } })
    const page = await context.newPage()
    const at = () => `${width} ${colorScheme} ${new URL(page.url()).pathname}`
    page.on("pageerror", (error) => problems.push(`${at()}: ${error.message}`))
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(`${at()}: ${message.text()}`)
    })
    for (const path of pages) {
      await page.goto(`${origin}${path}`, { waitUntil: "load" })
      await page.waitForFunction(() => globalThis.document.querySelector("#app")?.__vue_app__ !== undefined)
      for (const found of await page.evaluate(tooWide)) problems.push(`${at()}: too wide: ${found}`)
      const name = path.replace(/^\/|\.html$/g, "").replace(/\/$/, "").replaceAll("/", "-") || "home"
      await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`) })
    }
    await context.close()
  }
}
await browser.close()
server.close()
for (const problem of problems) console.error(problem)
console.log(`${pages.length} pages, at 2 widths, in 2 themes: ${problems.length} problems; pictures in site/pictures`)
process.exitCode = problems.length === 0 ? 0 : 1
