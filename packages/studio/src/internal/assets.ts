/** The files of the page. They are read once, at the start, so that no path of a request reaches the file system. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import { extname, join, sep } from "node:path"
import { plain } from "./guard.js"

const types: { readonly [extension: string]: string } = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2"
}

/** The files of a folder by their paths in URLs. Empty if the folder does not exist. */
const filesOf = (folder: string): Effect.Effect<ReadonlyMap<string, Uint8Array>> =>
  Effect.tryPromise(async () => {
    const entries = await Fs.readdir(folder, { recursive: true, withFileTypes: true })
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    return new Map(
      await Promise.all(paths.map(async (path) =>
        [path.slice(join(folder, sep).length - 1).split(sep).join("/"), await Fs.readFile(path)] as const
      ))
    )
  }).pipe(Effect.orElseSucceed(() =>
    new Map()
  ))

const notBuilt = plain(
  503,
  "The page of the studio is not built. In a checkout of the repository, run `npm run build`, then start again."
)

const missing = plain(404, "There is no such page.")

/** Makes the app that serves the page and its files. Paths that are not files are states of the page. */
export const make = (folder: string) =>
  Effect.map(filesOf(folder), (files) => {
    const served = (path: string): HttpServerResponse.HttpServerResponse => {
      const isState = files.get(path) === undefined && !path.startsWith("/assets/") &&
        (extname(path) === "" || /^\/(?:runs|sessions|batches|evals)\//.test(path))
      const name = isState ? "/index.html" : path
      const body = files.get(name)
      if (body === undefined) return isState ? notBuilt : missing
      return HttpServerResponse.uint8Array(body, {
        contentType: types[extname(name)] ?? "application/octet-stream",
        // the name of such a file contains the hash of its content
        headers: name.startsWith("/assets/") ? { "cache-control": "private, max-age=31536000, immutable" } : {}
      })
    }
    return Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => served(url.split("?", 1)[0]!))
  })
