/** A check in a module beside a definition: code of the user. */
import { hint } from "@effect-noukai/sdk/kit/names"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import * as Check from "../Check.js"
import type { EvalRun } from "../EvalRun.js"
import { readText } from "./file.js"
import { canonical, filled, messageOf, shortHash, show, templateProblem } from "./values.js"

/** A check that a module exports: a function of the case, the run and the options, or a check. */
export interface ModuleSpec {
  readonly module: string
  readonly export?: string | undefined
  readonly with?: { readonly [name: string]: unknown } | undefined
}

/** A mistake in such a check: the field that has it, and the reason. */
export type Mistake = readonly [field: keyof ModuleSpec, reason: string]

const notRun = (module: string) =>
  Check.error(`the code of ${module} is not run here: name the definition yourself, such as with --eval of the studio`)

const answered = (answer: unknown): Check.Answer | Effect.Effect<Check.Answer, string> =>
  Predicate.isPromiseLike(answer)
    ? Effect.tryPromise({ try: async () => await answer as Check.Answer, catch: messageOf })
    : answer as Check.Answer

/** The check of what a module exports. */
const made = (exported: unknown, spec: ModuleSpec): Either.Either<Check.Check, Mistake> => {
  const { export: name = "default", with: options } = spec
  if (Predicate.hasProperty(exported, Check.TypeId)) {
    return options === undefined
      ? Either.right(exported as never)
      : Either.left(["with", `is for functions, and ${name} is a check`])
  }
  if (typeof exported !== "function") {
    return Either.left(["export", `is ${show(name)}, which is ${show(exported)}: it must be a function or a check`])
  }
  const check = Check.make((value: unknown, run: EvalRun) =>
    answered(exported(value, run, filled(options ?? {}, { $case: value })))
  )
  return Either.right({ ...check, expects: options })
}

/** The export of a module. Its address changes with its text, so that a changed file is loaded again. */
const loaded = (url: string, { export: name = "default", module }: ModuleSpec): Effect.Effect<unknown, Mistake> =>
  Effect.tryPromise({
    try: (): Promise<object> => import(/* @vite-ignore */ url),
    catch: (cause): Mistake => ["module", `${show(module)} cannot be loaded: ${messageOf(cause)}`]
  }).pipe(
    Effect.flatMap((exports) =>
      Object.hasOwn(exports, name)
        ? Effect.succeed((exports as { readonly [name: string]: unknown })[name])
        : Effect.fail<Mistake>([
          "export",
          `${show(name)} is not in ${module}: ${
            hint(name, Object.keys(exports), `it exports ${Object.keys(exports).join(", ") || "nothing"}`)
          }`
        ])
    )
  )

/**
 * Loads a check from its module, which is resolved from a folder. Without `isRun` its code does not run, and its verdicts
 * are errors.
 */
export const moduleCheck = (folder: string, spec: ModuleSpec, isRun: boolean): Effect.Effect<Check.Check, Mistake> =>
  Effect.gen(function*() {
    const { export: name = "default", module, with: options } = spec
    const path = resolve(folder, module)
    const text = yield* Effect.mapError(
      readText(path),
      ({ reason }): Mistake => ["module", `${show(module)} cannot be read: ${reason}`]
    )
    const problem = templateProblem(options)
    if (problem !== undefined) return yield* Effect.fail<Mistake>(["with", problem])
    const hash = shortHash(text)
    const check = isRun
      ? yield* Effect.flatMap(loaded(`${pathToFileURL(path).href}?${hash}`, spec), (found) => made(found, spec))
      : Check.make(() => notRun(module))
    return { ...check, kind: "module", definition: canonical(["module", name, options, hash]) }
  })
