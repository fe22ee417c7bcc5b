/** Values whose reading throws. Each is made when it is used. */

const boom = (): never => {
  throw new Error("boom")
}

const revoked = (target: object): object => {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

/** Every trap but those that an object needs to be printed by a test runner. */
const traps: ProxyHandler<object> = {
  get: boom,
  has: boom,
  ownKeys: boom,
  getOwnPropertyDescriptor: boom,
  getPrototypeOf: boom
}

/** Values that nothing can read. */
export const unreadables: { readonly [name: string]: () => unknown } = {
  "a revoked proxy": () => revoked({}),
  "a revoked list": () => revoked([]),
  "a proxy whose traps throw": () => new Proxy({}, traps),
  "a list whose traps throw": () => new Proxy([{}], traps)
}

const isObject = (u: unknown): u is { readonly [name: string]: unknown } => typeof u === "object" && u !== null

const isPlain = (u: object): boolean => Array.isArray(u) || Object.getPrototypeOf(u) === Object.prototype

/** A copy that has the same prototype, with another property at one name. */
const withPart = (value: object, name: string, part: PropertyDescriptor): object => {
  const copy: object = Array.isArray(value)
    ? [...value]
    : Object.create(Object.getPrototypeOf(value), Object.getOwnPropertyDescriptors(value))
  return Object.defineProperty(copy, name, { enumerable: true, configurable: true, ...part })
}

/** Copies of a value in each of which one part, at any depth, is a getter that throws or a value that nothing can read. */
export function* unreadableParts(right: unknown, path = ""): Generator<readonly [name: string, value: unknown]> {
  if (!isObject(right)) return
  for (const name of Object.keys(right)) {
    const at = `${path}.${name}`
    yield [`a getter that throws at ${at}`, withPart(right, name, { get: boom })]
    for (const [what, make] of Object.entries(unreadables)) {
      yield [`${what} at ${at}`, withPart(right, name, { value: make() })]
    }
    const part = right[name]
    if (!isObject(part) || !isPlain(part)) continue
    for (const [what, value] of unreadableParts(part, at)) yield [what, withPart(right, name, { value })]
  }
}
