/** Reads the built pages and returns the links that lead nowhere: to a page, a file, or an anchor that is not there. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"

const decode = (text) => decodeURIComponent(text.replaceAll("&amp;", "&"))

export const deadLinks = (dist) => {
  const pages = new Map(
    readdirSync(dist, { recursive: true }).filter((path) => path.endsWith(".html")).map((path) => {
      const html = readFileSync(join(dist, path), "utf8")
      const ids = new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => decode(id)))
      const links = [...html.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)].map(([, href]) => decode(href))
      return [path, { ids, links: new Set(links) }]
    })
  )
  const dead = []
  let count = 0
  for (const [path, { links }] of pages) {
    for (const link of links) {
      if (/^(\w+:|\/\/)/.test(link)) continue
      count += 1
      const [to, anchor] = link.split("#")
      const absolute = to === "" ? path : to.startsWith("/") ? to.slice(1) : posix.join(posix.dirname(path), to)
      const file = absolute === "" || absolute.endsWith("/") ? `${absolute}index.html` : absolute
      const page = pages.get(file)
      if (page === undefined && !existsSync(join(dist, file))) dead.push(`${path}: ${link}: there is no such page`)
      else if (page !== undefined && anchor && !page.ids.has(anchor)) {
        dead.push(`${path}: ${link}: there is no such anchor`)
      }
    }
  }
  return { count, dead, pages: [...pages.keys()] }
}
