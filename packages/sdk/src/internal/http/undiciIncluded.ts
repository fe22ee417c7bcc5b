/**
 * The parts of undici as imports. A bundler or a transpiler that makes CommonJS of this package finds this module at
 * `#undici`, and so does the bundle of the command, which has undici in it.
 */
// @ts-expect-error undici declares types for its index alone
import buildConnector from "undici/lib/core/connect.js"
// @ts-expect-error as above
import Pool from "undici/lib/dispatcher/pool.js"
import type { UndiciParts } from "./undiciRequired.js"

export const undiciParts = (): UndiciParts => ({ Pool, buildConnector })
