import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * An object by key, kept as it is: a `Schema.Record` copies, and loses a key that is called `__proto__`.
 *
 * @internal
 */
export const KeptObject: Schema.Schema<{ readonly [key: string]: unknown }> = Schema.declare(
  (u): u is { readonly [key: string]: unknown } => Predicate.isRecord(u),
  {
    identifier: "KeptObject",
    arbitrary: () => (fc) => fc.dictionary(fc.string(), fc.jsonValue()),
    jsonSchema: { type: "object" }
  }
)
