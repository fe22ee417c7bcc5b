/**
 * Looks at the built site in Chromium, at the widths of a phone and of three screens, in both themes. Fails if a page or a table
 * is wider than its screen, the console has an error, axe finds a barrier, or a page loads more than 300 kB, compressed. Leaves
 * pictures in `site/pictures`.
 *
 *     npm run site:looks
 */
import { createReadStream, existsSync, mkdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { extname, join } from "node:path"
import { gzipSync } from "node:zlib"
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
  "/guides/deploy.html",
  "/guides/money.html",
  "/guides/troubleshooting.html",
  "/guides/servers.html",
  "/architecture.html",
  "/404.html",
  "/guides/security.html",
  "/guides/configuration.html",
  "/packages/batch.html",
  "/api/",
  "/api/sdk/FlowService.html",
  "/api/sdk/Execution.html",
  "/api/sdk/NoukaiError.html",
  "/api/promise/Flow.html"
]

const axe = readFileSync(join(root, "node_modules/axe-core/axe.min.js"), "utf8")

/** Returns the barriers of the page, each with the first place that has it. Runs in the page. */
const barriers = async () => {
  const { violations } = await globalThis.axe.run(globalThis.document, { resultTypes: ["violations"] })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.length} × ${nodes[0].html.slice(0, 120)}`)
}

const mostBytes = 300_000

const compressed = new Map()

/** The size of a file as it is sent: text is compressed. */
const sizeOf = (path) => {
  const file = join(dist, path.endsWith("/") ? `${path}index.html` : path)
  if (!compressed.has(file)) {
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
    compressed.set(file, /\.(png|woff2)$/.test(file) ? bytes.length : gzipSync(bytes).length)
  }
  return compressed.get(file)
}

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
for (const width of [390, 1024, 1440, 1920]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: width === 390 ? 844 : 900 } })
    const page = await context.newPage()
    const at = () => `${width} ${colorScheme} ${new URL(page.url()).pathname}`
    page.on("pageerror", (error) => problems.push(`${at()}: ${error.message}`))
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(`${at()}: ${message.text()}`)
    })
    let loaded = new Set()
    page.on("request", (request) => loaded.add(new URL(request.url()).pathname))
    for (const path of pages) {
      loaded = new Set()
      await page.goto(`${origin}${path}`, { waitUntil: "load" })
      await page.waitForFunction(() => globalThis.document.querySelector("#app")?.__vue_app__ !== undefined)
      for (const found of await page.evaluate(tooWide)) problems.push(`${at()}: too wide: ${found}`)
      if (width === 390 || width === 1440) {
        await page.evaluate(axe)
        for (const found of await page.evaluate(barriers)) problems.push(`${at()}: axe: ${found}`)
        await page.waitForLoadState("networkidle")
        const bytes = [...loaded].reduce((sum, file) => sum + sizeOf(decodeURIComponent(file)), 0)
        if (bytes > mostBytes) problems.push(`${at()}: loads ${Math.round(bytes / 1000)} kB, ${loaded.size} files`)
      }
      const name = path.replace(/^\/|\.html$/g, "").replace(/\/$/, "").replaceAll("/", "-") || "home"
      await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`) })
    }
    await context.close()
  }
}
await browser.close()
server.close()
for (const problem of problems) console.error(problem)
console.log(`${pages.length} pages, at 4 widths, in 2 themes: ${problems.length} problems; pictures in site/pictures`)
process.exitCode = problems.length === 0 ? 0 : 1
