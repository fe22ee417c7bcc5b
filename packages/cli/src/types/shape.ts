/** The shape of JSON values that were seen. */

/** The simple kinds of JSON, in the order in which types list them. */
export const simpleKinds = ["string", "number", "boolean", "null"] as const

export type SimpleKind = (typeof simpleKinds)[number]

interface Property {
  readonly shape: Shape
  /** The number of objects that had the property. */
  readonly count: number
}

export interface ObjectShape {
  /** The number of objects. 0: only names of properties are known. */
  readonly count: number
  readonly properties: ReadonlyMap<string, Property>
}

/** The union of the kinds of values that were seen. A shape without a kind is unknown. */
export interface Shape {
  readonly kinds: ReadonlySet<SimpleKind>
  /** The items of all lists. Absent: no list was seen. */
  readonly items?: Shape | undefined
  readonly object?: ObjectShape | undefined
}

/** The shape of a value that was not seen. */
export const unknown: Shape = { kinds: new Set() }

/** Whether nothing is known of a value. */
export const isUnknown = ({ items, kinds, object }: Shape): boolean =>
  kinds.size === 0 && items === undefined && object === undefined

function either<A>(a: A | undefined, b: A | undefined, merge: (a: A, b: A) => A): A | undefined {
  return a === undefined ? b : b === undefined ? a : merge(a, b)
}

const objects = (a: ObjectShape, b: ObjectShape): ObjectShape => {
  const properties = new Map(a.properties)
  for (const [key, { count, shape }] of b.properties) {
    const one = properties.get(key)
    properties.set(
      key,
      one === undefined ? { count, shape } : { count: one.count + count, shape: union(one.shape, shape) }
    )
  }
  return { count: a.count + b.count, properties }
}

/** Merges what is known of two values. */
export const union = (a: Shape, b: Shape): Shape => ({
  kinds: new Set([...a.kinds, ...b.kinds]),
  items: either(a.items, b.items, union),
  object: either(a.object, b.object, objects)
})

export const unionAll = (shapes: Iterable<Shape>): Shape => [...shapes].reduce(union, unknown)

export const simple = (kind: SimpleKind): Shape => ({ kinds: new Set([kind]) })

export const listOf = (items: Shape): Shape => ({ ...unknown, items })

/** An object with these properties. */
export const objectOf = (properties: Iterable<readonly [string, Shape]>): Shape => ({
  ...unknown,
  object: { count: 1, properties: new Map(Array.from(properties, ([key, shape]) => [key, { shape, count: 1 }])) }
})

/** An object whose names of properties are known, and nothing else. */
export const named = (keys: Iterable<string>): Shape => ({
  ...unknown,
  object: { count: 0, properties: new Map(Array.from(keys, (key) => [key, { shape: unknown, count: 0 }])) }
})

/** Whether every object had the property. */
export const isRequired = ({ count }: ObjectShape, property: Property): boolean => count > 0 && property.count === count

/** The shape of a JSON value. */
export const shapeOf = (value: unknown): Shape => {
  if (Array.isArray(value)) return listOf(unionAll(value.map(shapeOf)))
  if (typeof value === "object" && value !== null) {
    // schemas take the inherited properties of an object for its own
    const own = Object.entries(value).filter(([key]) => !(key in Object.prototype))
    return objectOf(own.map(([key, item]) => [key, shapeOf(item)]))
  }
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return { kinds: new Set([typeof value as SimpleKind]) }
  }
  return value === null ? simple("null") : unknown
}
