/** Values that no caller of ours should give, as JavaScript and requests from outside do all the same. */
import * as Effect from "effect/Effect"
import * as FC from "effect/FastCheck"

/** Made when it is used. */
export interface Wrong {
  readonly name: string
  readonly make: () => unknown
}

const boom = (): never => {
  throw new Error("boom")
}

/** An object of which one field cannot be read. */
export const throwing = (field: string, rest: object = {}): object =>
  Object.defineProperty({ ...rest }, field, { enumerable: true, get: boom })

export const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = { a: value }
  return value
}

const nestedLists = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

export const cyclic = (): object => {
  const value: { self?: unknown; list: Array<unknown> } = { list: [] }
  value.self = value
  value.list.push(value)
  return value
}

/** Lists that hold the one before many times: few values, and no end of text. */
const branching = (depth: number): unknown => {
  let value: unknown = []
  for (let i = 0; i < depth; i++) value = [value, value, value, value]
  return value
}

export const wrongs: { readonly [name: string]: () => unknown } = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  zero: () => 0,
  negative: () => -1,
  fraction: () => 1.5,
  NaN: () => NaN,
  Infinity: () => Infinity,
  "an unsafe integer": () => 2 ** 60,
  bigint: () => 10n,
  symbol: () => Symbol("x"),
  function: () => () => 1,
  "a function that throws": () => boom,
  "an empty text": () => "",
  text: () => "x",
  "text with a line break": () => "a\r\nx-injected: 1",
  "half a character": () => "\ud800",
  "text beyond Latin-1": () => "日本",
  "a negative duration": () => "-5 seconds",
  "a duration": () => "5 seconds",
  "a negative pair": () => [-1, 0],
  "an empty list": () => [],
  "a list of nothing": () => [null],
  "a query given twice": () => ["a", "b"],
  "a long sparse list": () => new Array(2 ** 32 - 1),
  "an empty object": () => ({}),
  "a null prototype": () => Object.create(null),
  "an object without text": () => ({ toString: 1, valueOf: null }),
  "a key for the prototype": () => JSON.parse("{\"__proto__\":{\"polluted\":true}}"),
  map: () => new Map([["message", "hi"]]),
  set: () => new Set(["a"]),
  date: () => new Date(0),
  "no date": () => new Date(NaN),
  promise: () => Promise.resolve({ message: "hi" }),
  effect: () => Effect.succeed({ message: "hi" }),
  error: () => new Error("x"),
  "a regular expression": () => /x/g,
  bytes: () => new Uint8Array(3),
  headers: () => new Headers({ a: "b" }),
  class: () => class {},
  instance: () => new (class Foo {})(),
  "a toJSON that throws": () => ({ toJSON: boom }),
  cyclic,
  "nested 1,000 deep": () => nested(1_000),
  "nested 20,000 deep": () => nested(20_000),
  "lists 20,000 deep": () => nestedLists(20_000),
  branching: () => branching(40),
  "a function inside": () => ({ a: [{ b: () => 1 }] }),
  "a symbol inside": () => ({ a: [Symbol("x")] }),
  "NaN inside": () => ({ a: { b: NaN } })
}

const known: FC.Arbitrary<Wrong> = FC.constantFrom(
  ...Object.entries(wrongs).map(([name, make]) => ({ name, make }))
)

const random: FC.Arbitrary<Wrong> = FC.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
  maxDepth: 3
}).map((value) => ({ name: FC.stringify(value), make: () => value }))

export const wrong: FC.Arbitrary<Wrong> = FC.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: random })

/** A right value with up to three wrong fields; or any other value. */
export const spoiled = (right: object, fields: ReadonlyArray<string>): FC.Arbitrary<Wrong> =>
  FC.oneof(
    {
      weight: 5,
      arbitrary: FC.uniqueArray(FC.tuple(FC.constantFrom(...fields), wrong), {
        minLength: 1,
        maxLength: 3,
        selector: ([field]) => field
      }).map((changes) => ({
        name: changes.map(([field, { name }]) => `${field}: ${name}`).join(", "),
        make: () => ({ ...right, ...Object.fromEntries(changes.map(([field, { make }]) => [field, make()])) })
      }))
    },
    { weight: 1, arbitrary: wrong }
  )
