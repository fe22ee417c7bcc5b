/** Refuses unknown options: a call without an option that its caller wrote is another call. */
import { hint, type Names as AllNames, type Table } from "@effect-noukai/sdk/kit/names"
import { type CallOptions, refusal, takeOptions } from "./reading.js"

/** The names of all options. `null` counts as absent, so a table does not say which of them take it. */
export type Names<A> = { readonly [K in keyof AllNames<A>]: true | Table }

/** Options of the SDK and of other clients, by their letters in lower case, and the option that takes their place. */
const instead: { readonly [letters: string]: string } = {
  baseurl: "env",
  url: "env",
  host: "env",
  endpoint: "env",
  attempttimeout: "timeout",
  firstbytetimeout: "timeout",
  idletimeout: "timeout",
  snapshots: "trace",
  retries: "maxRetries",
  log: "onLog"
}

/** Hints that are more than a name. */
const hints: { readonly [name: string]: string } = {
  env: "the key is sent only to the hosted service, or to this machine with env: \"dev\" and port",
  timeout: "timeout limits each request"
}

const lettersOf = (word: string): string => word.toLowerCase().replace(/[^a-z]/g, "")

const hintOf = (word: string, names: ReadonlyArray<string>): string => {
  const letters = lettersOf(word)
  const place = Object.hasOwn(instead, letters) ? instead[letters]! : ""
  return names.includes(place) ? hints[place] ?? `did you mean ${place}?` : hint(word, names)
}

/** Throws a refusal of an option that is not one of `names`. `null` and `undefined` count as absent. */
export const refuseUnknown = <A extends object>(operation: string, options: Partial<A>, names: Names<A>): void => {
  for (const word of Object.keys(options)) {
    if (Object.hasOwn(names, word) || ((options as Record<string, unknown>)[word] ?? undefined) === undefined) continue
    throw refusal(operation, word, `is not an option: ${hintOf(word, Object.keys(names))}`)
  }
}

/** Returns the options of a call as {@link takeOptions} does. Throws a refusal of an unknown one. */
export const takeKnown = <A extends { signal?: AbortSignal | undefined }, B>(
  operation: string,
  given: A | undefined,
  names: Names<A>,
  read: (options: Partial<A>) => B
): CallOptions<B> =>
  takeOptions(operation, given, (options) => {
    refuseUnknown(operation, options, names)
    return read(options)
  })
