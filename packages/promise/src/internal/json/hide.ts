/** Adds a property that `JSON.stringify` and comparisons do not see. */
export const hide = <A extends object, K extends string, V>(
  fields: A,
  key: K,
  value: V
): A & { readonly [_ in K]: V } =>
  Object.defineProperty(fields, key, { value, enumerable: false }) as A & { readonly [_ in K]: V }
