/**
 * The platform's asynchronous context, where it has one. It is asked for, never imported, so that this package loads
 * everywhere.
 *
 * @internal
 */
import type * as AsyncHooks from "node:async_hooks"

declare const globalThis: {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

const asyncHooks = (): typeof AsyncHooks | undefined =>
  globalThis.process?.getBuiltinModule?.("node:async_hooks") as typeof AsyncHooks | undefined

type Run = <A>(f: () => A) => A

const here: Run = (f) => f()

/**
 * Runs functions in the asynchronous context of now: what a fiber calls later would be in that of whoever woke it.
 *
 * @internal
 */
export const snapshot = (): Run => asyncHooks()?.AsyncLocalStorage.snapshot?.() ?? here
