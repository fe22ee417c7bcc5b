import type { Suite } from "./Suite.js"
import { cassette } from "./suites/cassette.js"
import { events } from "./suites/events.js"
import { execute } from "./suites/execute.js"
import { promise } from "./suites/promise.js"
import { sse } from "./suites/sse.js"
import { start } from "./suites/start.js"
import { transport } from "./suites/transport.js"

/** What `npm run bench` measures, in this order. */
export const suites: ReadonlyArray<Suite> = [transport, sse, execute, events, promise, cassette, start]
