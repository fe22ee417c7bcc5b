/**
 * The platform's asynchronous context, where it has one. It is asked for, never imported, so that this package loads
 * everywhere.
 *
 * @internal
 */
import type * as AsyncHooks from "node:async_hooks"

declare const globalThis: {
  readonly AsyncLocalStorage?: typeof AsyncHooks.AsyncLocalStorage
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

const storage = (): typeof AsyncHooks.AsyncLocalStorage | undefined =>
  (globalThis.process?.getBuiltinModule?.("node:async_hooks") as typeof AsyncHooks | undefined)?.AsyncLocalStorage ??
    globalThis.AsyncLocalStorage

/**
 * Whether scopes reach beyond the first `await` here.
 *
 * @internal
 */
export const hasAsyncContext = (): boolean => storage() !== undefined

/**
 * Runs a function in some context, at once.
 *
 * @internal
 */
export type Within = <A>(f: () => A) => A

const here: Within = (f) => f()

/**
 * Runs functions in the asynchronous context of now: what a fiber calls later would be in that of whoever woke it.
 *
 * @internal
 */
export const snapshot = (): Within => storage()?.snapshot?.() ?? here
