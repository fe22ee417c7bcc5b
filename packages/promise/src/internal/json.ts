/** JSON of the server. Fields that the types do not declare are kept, as in `@noukai/sdk`. Needs no Effect. */
export type Json = { readonly [key: string]: unknown }

export const isRecord = (u: unknown): u is Json => typeof u === "object" && u !== null && !Array.isArray(u)

/**
 * Returns the received fields with the declared ones over them. Returns only the declared ones if `raw` is not an
 * object.
 */
export const overReceived = <A extends object>(raw: unknown, declared: A): A =>
  isRecord(raw) ? { ...raw, ...declared } : declared

export const fieldOf = (raw: unknown, key: string | number): unknown =>
  typeof raw === "object" && raw !== null ? (raw as { readonly [key: string | number]: unknown })[key] : undefined

/** Returns the fields that have a value. */
export const said = <A extends object>(fields: { readonly [K in keyof A]?: A[K] | undefined }): Partial<A> => {
  const out: Partial<A> = {}
  for (const key in fields) if (fields[key] !== undefined) out[key] = fields[key]
  return out
}

/** Returns the JSON of a body, or its text if it is not JSON. */
export const jsonOrText = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Adds a property that is not enumerable. */
export const hide = <A extends object, K extends string, V>(
  fields: A,
  key: K,
  value: V
): A & { readonly [_ in K]: V } =>
  Object.defineProperty(fields, key, { value, enumerable: false }) as A & { readonly [_ in K]: V }

/** Returns the field of a result. It covers the received one also if a schema made it `undefined`. */
export const resultField = (raw: unknown, result: unknown): { result?: unknown } =>
  result === undefined && fieldOf(raw, "result") === undefined ? {} : { result }
