import type { Suite } from "./Suite.js"
import { cassette } from "./suites/cassette.js"
import { effect4 } from "./suites/effect4.js"
import { events } from "./suites/events.js"
import { execute } from "./suites/execute.js"
import { promise } from "./suites/promise.js"
import { sessions } from "./suites/sessions.js"
import { sse } from "./suites/sse.js"
import { start } from "./suites/start.js"
import { traces } from "./suites/traces.js"
import { transport } from "./suites/transport.js"
import { webhooks } from "./suites/webhooks.js"

/** The suites of `npm run bench`, in this order. */
export const suites: ReadonlyArray<Suite> = [
  transport,
  sse,
  execute,
  events,
  promise,
  effect4,
  cassette,
  sessions,
  traces,
  webhooks,
  start
]

/** Those with the names, in the order above; without names all. Throws when there is no suite of a name. */
export const suitesNamed = (names: ReadonlyArray<string>): ReadonlyArray<Suite> => {
  const unknown = names.filter((name) => !suites.some((suite) => suite.name === name))
  if (unknown.length > 0) {
    throw new Error(`no suite "${unknown.join("\", \"")}"; there are ${suites.map(({ name }) => name).join(", ")}`)
  }
  return names.length === 0 ? suites : suites.filter(({ name }) => names.includes(name))
}
