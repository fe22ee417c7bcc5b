/**
 * The JSON that a value was decoded from, as its `raw`. It is no enumerable property and the getter is shared, so that
 * neither comparisons nor `JSON.stringify` nor `inspect` see it, and it costs little where it is not read.
 */

/**
 * A class whose constructor returns the given object as the instance, so that a subclass can add a private field to it.
 */
class GivenObject {
  constructor(value: object) {
    return value
  }
}

/** Adds a private field to a plain object: cheaper than a `WeakMap`, and no reflection shows it. */
class ObjectWithJson extends GivenObject {
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
    return ObjectWithJson.jsonOf(this)
  },
  enumerable: false,
  configurable: true
}

/** Adds `raw` to a new object, unless there is no JSON. */
export const withRaw = <A extends object>(value: A, json: unknown): A => {
  if (json === undefined) return value
  // the instance is the value itself; a bundler would drop an unused expression
  const received: object = new ObjectWithJson(Object.defineProperty(value, "raw", getter), json)
  return received as A
}
