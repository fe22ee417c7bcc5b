/** Schemas of other libraries, which implement the Standard Schema interface, as schemas of Effect. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Inspectable from "effect/Inspectable"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Scheduler from "effect/Scheduler"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import { readFiber } from "../core/fiber.js"

/** One mismatch that a Standard Schema found. */
export interface StandardIssue {
  readonly message: string
  /** The place of the mismatch: keys, or objects with a key. Default: the value itself. */
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

/** The outcome of a validation: the value, or the mismatches. */
export type StandardResult<A> =
  | { readonly value: A; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<StandardIssue> }

/**
 * A schema of any library that implements Standard Schema, version 1: Zod 4, Valibot, ArkType and others. It reads an
 * `I` and returns an `A`.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchema<I = unknown, A = I> {
  readonly "~standard": {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<A> | Promise<StandardResult<A>>
    readonly types?: { readonly input: I; readonly output: A } | undefined
  }
}

export const isStandardSchema = (u: unknown): u is StandardSchema =>
  // a schema of ArkType is a function
  (typeof u === "object" || typeof u === "function") && Predicate.hasProperty(u, "~standard") &&
  Predicate.hasProperty(u["~standard"], "validate") && typeof u["~standard"].validate === "function"

const keyOf = (part: PropertyKey | { readonly key: PropertyKey }): PropertyKey =>
  typeof part === "object" ? part.key : part

const issueOf = (ast: AST.AST, actual: unknown, { message, path = [] }: StandardIssue): ParseResult.ParseIssue => {
  const issue = new ParseResult.Type(ast, actual, message)
  const [first, ...rest] = path.map(keyOf)
  return first === undefined ? issue : new ParseResult.Pointer([first, ...rest], actual, issue)
}

function outcome<A>(
  ast: AST.AST,
  actual: unknown,
  result: StandardResult<A>
): Effect.Effect<A, ParseResult.ParseIssue> {
  if (result.issues === undefined) return ParseResult.succeed(result.value)
  const [first = new ParseResult.Type(ast, actual, "does not fit"), ...rest] = result.issues.map((issue) =>
    issueOf(ast, actual, issue)
  )
  return ParseResult.fail(rest.length === 0 ? first : new ParseResult.Composite(ast, actual, [first, ...rest]))
}

/** A schema of Zod 3, Zod 4 or Zod mini. */
interface ZodSchema<A> {
  readonly safeParseAsync: (value: unknown) => PromiseLike<
    | { readonly success: true; readonly data: A }
    | { readonly success: false; readonly error: { readonly issues: ReadonlyArray<StandardIssue> } }
  >
}

const isOfZod = <I, A>(schema: StandardSchema<I, A>): schema is StandardSchema<I, A> & ZodSchema<A> =>
  schema["~standard"].vendor === "zod" && Predicate.hasProperty(schema, "safeParseAsync") &&
  typeof schema.safeParseAsync === "function"

/** Whether an effect runs where nothing can be awaited, as in `Schema.decodeSync`. */
const isSynchronous = readFiber((fiber) => {
  const scheduler = fiber.getFiberRef(FiberRef.currentScheduler)
  // fibers of a `ManagedRuntime` keep the scheduler that has built it
  return scheduler instanceof Scheduler.SyncScheduler && !scheduler.deferred
})

/** Validates at once where the schema does. A validation that throws or rejects is a mismatch: the value is kept. */
const validating =
  <I, A>(schema: StandardSchema<I, A>) =>
  (value: unknown, _: AST.ParseOptions, ast: AST.AST): Effect.Effect<A, ParseResult.ParseIssue> => {
    const thrown = (error: unknown) => {
      const reason = error instanceof Error ? error.message : Inspectable.toStringUnknown(error, 0)
      return new ParseResult.Type(ast, value, `its validation failed: ${reason}`)
    }
    const read = (result: StandardResult<A>) => outcome(ast, value, result)
    const awaited = (validate: () => PromiseLike<StandardResult<A>>) =>
      Effect.flatten(Effect.tryPromise({ try: () => validate().then(read), catch: thrown }))
    const standard = (): Effect.Effect<A, ParseResult.ParseIssue> => {
      try {
        const result = schema["~standard"].validate(value)
        return Predicate.isPromiseLike(result) ? awaited(() => result) : read(result)
      } catch (error) {
        return ParseResult.fail(thrown(error))
      }
    }
    if (!isOfZod(schema)) return standard()
    // `validate` of Zod begins an asynchronous refinement twice. It drops the first promise, and a rejection of that one
    // would end the process
    return Effect.if(isSynchronous, {
      onTrue: standard,
      onFalse: () =>
        awaited(() =>
          schema.safeParseAsync(value).then((parsed) =>
            parsed.success ? { value: parsed.data } : { issues: parsed.error.issues }
          )
        )
    })
  }

/** The schema whose decoding is the validation. Encoding changes nothing. */
export const decoding = <I, A>(schema: StandardSchema<I, A>): Schema.Schema<A, I> =>
  // Effect does not see the types inside, which are those of the library
  Schema.transformOrFail(Schema.Unknown, Schema.Unknown, {
    decode: validating(schema),
    encode: ParseResult.succeed
  }) as unknown as Schema.Schema<A, I>

/** The schema whose encoding is the validation. Decoding changes nothing. */
export const encoding = <I, A>(schema: StandardSchema<I, A>): Schema.Schema<I, A> =>
  Schema.transformOrFail(Schema.Unknown, Schema.Unknown, {
    decode: ParseResult.succeed,
    encode: validating(schema)
  }) as unknown as Schema.Schema<I, A>
