import { canonicalText } from "../json/jsonText.js"

/** The text in the place of a removed value. */
export const redacted = "[redacted]"

interface Field {
  readonly key: string
  readonly name: string
  readonly item: unknown
}

/**
 * The order of fields whose names become equal: a field that keeps its name first, the others by value, so that the
 * removed text does not matter.
 */
const byValue = (a: Field, b: Field): number => {
  const [left, right] = [a, b].map(({ item, key, name }) =>
    [key === name ? 0 : 1, canonicalText(item), key] as const
  ) as [
    readonly [number, string, string],
    readonly [number, string, string]
  ]
  const differs = left.findIndex((part, index) => part !== right[index])
  return differs < 0 ? 0 : left[differs]! < right[differs]! ? -1 : 1
}

/**
 * An object with other names and other values. Names that become equal are numbered, `[redacted 2]`, so that no value
 * is lost.
 */
export const renamed = (
  fields: { readonly [key: string]: unknown },
  rename: (key: string) => string,
  change: (item: unknown, key: string) => unknown
): { readonly [key: string]: unknown } => {
  const all = Object.entries(fields).map(([key, item]): Field => ({ key, name: rename(key), item: change(item, key) }))
  const names = new Map(all.map((field) => [field.key, field.name]))
  const taken = new Set(names.values())
  if (taken.size < all.length) {
    const seen = new Set<string>()
    const next = new Map<string, number>()
    for (const { key, name } of [...all].sort(byValue)) {
      if (!seen.has(name)) {
        seen.add(name)
        continue
      }
      let number = next.get(name) ?? 2
      let free: string
      do free = name.replace(redacted, `${redacted.slice(0, -1)} ${number++}]`)
      while (taken.has(free))
      next.set(name, number)
      taken.add(free)
      names.set(key, free)
    }
  }
  return Object.fromEntries(all.map(({ item, key }) => [names.get(key)!, item]))
}
