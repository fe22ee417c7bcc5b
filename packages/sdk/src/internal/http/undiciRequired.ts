/**
 * The two parts of undici that are used, without the others that its index loads: its `fetch`, its web sockets, its
 * cache. They are files of undici's own, which `npm run test:packages` finds in the lowest and the latest version of the
 * range.
 *
 * They are required, and not imported, so that bundlers leave them out: undici is CommonJS and requires Node's modules,
 * which it cannot do within a bundle that is an ES module.
 */
import { createRequire } from "node:module"
import type * as Undici from "undici"

export interface UndiciParts {
  readonly Pool: typeof Undici.Pool
  readonly buildConnector: typeof Undici.buildConnector
}

/** The path of a bundle that is CommonJS, which has no `import.meta.url`. */
declare const __filename: string

const load = (): UndiciParts | undefined => {
  try {
    const requireFrom = createRequire(import.meta.url ?? __filename)
    const { version }: { readonly version: string } = requireFrom("undici/package.json")
    // beside a bundle there may be any version, whose files are others
    if (!version.startsWith("7.")) return undefined
    return {
      Pool: requireFrom("undici/lib/dispatcher/pool.js"),
      buildConnector: requireFrom("undici/lib/core/connect.js")
    }
  } catch {
    return undefined
  }
}

let loaded: { readonly parts: UndiciParts | undefined } | undefined

/**
 * The parts, if undici 7 is installed for this package, or beside the bundle that this package is in. They are loaded by
 * the first call.
 */
export const undiciParts = (): UndiciParts | undefined => (loaded ??= { parts: load() }).parts
