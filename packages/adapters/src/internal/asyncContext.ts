/**
 * The platform's asynchronous context, if it has one. It is looked up and never imported, so that this package loads
 * everywhere.
 */
import type * as AsyncHooks from "node:async_hooks"

declare const globalThis: {
  readonly AsyncLocalStorage?: typeof AsyncHooks.AsyncLocalStorage
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

const storage = (): typeof AsyncHooks.AsyncLocalStorage | undefined =>
  (globalThis.process?.getBuiltinModule?.("node:async_hooks") as typeof AsyncHooks | undefined)?.AsyncLocalStorage ??
    globalThis.AsyncLocalStorage

/** Whether scopes last beyond the first `await` on this platform. */
export const hasAsyncContext = (): boolean => storage() !== undefined

/** Runs a function at once in a fixed context. */
export type ContextRunner = <A>(f: () => A) => A

const here: ContextRunner = (f) => f()

/**
 * Captures the current asynchronous context, to run functions in it later. Otherwise a function that a fiber calls runs
 * in the context of the code that woke the fiber.
 */
export const snapshot = (): ContextRunner => storage()?.snapshot?.() ?? here
