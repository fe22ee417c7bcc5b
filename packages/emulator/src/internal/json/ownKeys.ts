/**
 * Objects with foreign keys: `__proto__` is a key like any other.
 *
 * @internal
 */

/** A copy that can be assigned to. @internal */
export const ownCopy = <A>(...objects: ReadonlyArray<{ readonly [key: string]: A }>): { [key: string]: A } =>
  Object.assign(Object.create(null) as { [key: string]: A }, ...objects)
