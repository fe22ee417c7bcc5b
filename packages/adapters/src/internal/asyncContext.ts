/**
 * The platform's asynchronous context, where it has one. It is looked up, never imported, so that this package loads
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

/** Whether scopes reach beyond the first `await` on this platform. */
export const hasAsyncContext = (): boolean => storage() !== undefined

/** Runs a function in a fixed context, at once. */
export type ContextRunner = <A>(f: () => A) => A

const here: ContextRunner = (f) => f()

/**
 * Captures the current asynchronous context, to run functions in it later; a function called by a fiber would otherwise
 * run in the context of the code that woke the fiber.
 */
export const snapshot = (): ContextRunner => storage()?.snapshot?.() ?? here
