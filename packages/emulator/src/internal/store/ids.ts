/**
 * Ids from a seed: the same seed and requests give the same ids. The id of a run encodes its number, so that no table
 * of ids is needed.
 */

export interface Ids {
  /** The id of the run with that number: a version 4 UUID. */
  readonly run: (number: number) => string
  /** The number of the run with that id; `undefined` for an id that was not made with this seed. */
  readonly numberOf: (id: string) => number | undefined
  readonly request: () => string
  readonly reset: () => void
}

/** Odd, so that the multiplication is invertible and two numbers never give the same 32 bits. */
const multiplier = 0x9e3779b1

/** `multiplier * inverse` is 1, modulo 2 to the 32nd. */
const inverse = 0x0e8b2f51

const scramble = (number: number, seed: number): number => {
  const spread = Math.imul(number ^ seed, multiplier)
  return (spread ^ (spread >>> 16)) >>> 0
}

const unscramble = (bits: number, seed: number): number => (Math.imul((bits ^ (bits >>> 16)) | 0, inverse) ^ seed) >>> 0

/** The finaliser of murmur3. */
const mix = (value: number): number => {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

const hex = (bits: number): string => bits.toString(16).padStart(8, "0")

export const make = (seed: number): Ids => {
  const low = mix((seed >>> 0) + 1)
  const high = mix(low ^ Math.floor(seed / 2 ** 32))
  let requests = 0

  const run = (number: number): string => {
    const a = scramble(number, high)
    const b = mix(a ^ low)
    const c = mix(b + low)
    const d = mix(c + high)
    const [second, third] = [hex(b), hex(c)]
    const variant = "89ab"[c >>> 30]!
    return `${hex(a)}-${second.slice(0, 4)}-4${second.slice(5)}-${variant}${third.slice(1, 4)}-${third.slice(4)}${
      hex(d)
    }`
  }

  return {
    run,
    numberOf: (id) => {
      const number = unscramble(Number.parseInt(id.slice(0, 8), 16), high)
      return run(number) === id ? number : undefined
    },
    request: () => `req-${String(++requests).padStart(6, "0")}`,
    reset: () => {
      requests = 0
    }
  }
}
