/**
 * The JSON that a value was decoded from, at hand as its `raw`. It is no enumerable property and the getter is shared, so
 * that neither comparisons nor `JSON.stringify` nor `inspect` see it, and it costs little where nobody looks.
 *
 * @internal
 */

/** A class whose instances are the objects that it is given. */
class Given {
  constructor(value: object) {
    return value
  }
}

/** Adds a private field to a plain object: cheaper than a `WeakMap`, and no reflection shows it. */
class Received extends Given {
  readonly #json: unknown
  constructor(value: object, json: unknown) {
    super(value)
    this.#json = json
  }
  static jsonOf(value: object): unknown {
    return #json in value ? value.#json : undefined
  }
}

const getter: PropertyDescriptor = {
  get(this: object) {
    return Received.jsonOf(this)
  },
  enumerable: false,
  configurable: true
}

/**
 * Gives a new object its `raw`. Without JSON it gets none.
 *
 * @internal
 */
export const withRaw = <A extends object>(value: A, json: unknown): A => {
  if (json === undefined) return value
  // what is made is the value itself; a bundler drops what is made and not used
  const received: object = new Received(Object.defineProperty(value, "raw", getter), json)
  return received as A
}
