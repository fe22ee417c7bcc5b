/**
 * Paths into JSON values: `$.a.b[0]["c d"]`.
 *
 * @internal
 */

/** @internal */
export type Segment = string | number

/** @internal */
export type Path = ReadonlyArray<Segment>

const plain = /^[A-Za-z_][A-Za-z0-9_]*$/

/** @internal */
export const formatPath = (path: Path): string =>
  `$${
    path.map((segment) =>
      typeof segment === "number"
        ? `[${segment}]`
        : plain.test(segment)
        ? `.${segment}`
        : `[${JSON.stringify(segment)}]`
    ).join("")
  }`

const segment = /\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]/y

/**
 * What a quoted segment says; `undefined` if it is no JSON text.
 *
 * @internal
 */
export const unquoted = (text: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "string" ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * The inverse of `formatPath`; `undefined` for anything else.
 *
 * @internal
 */
export const parsePath = (text: string): Path | undefined => {
  if (!text.startsWith("$")) return undefined
  const path: Array<Segment> = []
  let at = 1
  while (at < text.length) {
    segment.lastIndex = at
    const match = segment.exec(text)
    if (match === null) return undefined
    const [whole, name, index, string] = match
    const next = name ?? (index === undefined ? unquoted(string!) : Number(index))
    if (next === undefined) return undefined
    path.push(next)
    at += whole.length
  }
  return path
}
