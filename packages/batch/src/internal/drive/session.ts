/** The session of an attempt at a row: a UUID of version 5, so that every process finds what ran. */
import { createHash } from "node:crypto"

/** The batch of a row. */
interface Named {
  readonly name: string
  readonly flow: string
  readonly version: string
}

/** The namespace of the sessions of rows, `7c4f2b18-9f0d-4d6e-a1c5-0b8e63d7f294`. It must never change. */
const namespace = Buffer.from("7c4f2b189f0d4d6ea1c50b8e63d7f294", "hex")

/**
 * The session of an attempt, from 1, at a key of a batch. What it is made of must never change.
 *
 * @see RFC 9562, 5.5
 * @internal
 */
export const rowSession = ({ flow, name, version }: Named, key: string, attempt: number): string => {
  const hash = createHash("sha1").update(namespace).update(JSON.stringify([name, flow, version, key, attempt])).digest()
  hash[6] = (hash[6]! & 0x0f) | 0x50
  hash[8] = (hash[8]! & 0x3f) | 0x80
  const hex = hash.toString("hex", 0, 16)
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-")
}
