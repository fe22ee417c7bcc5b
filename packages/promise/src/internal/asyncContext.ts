/**
 * Node's asynchronous context, where the runtime has one. It is asked for, never imported, so that this package loads
 * everywhere.
 *
 * @internal
 */
import * as Scheduler from "effect/Scheduler"
import type * as AsyncHooks from "node:async_hooks"

declare const globalThis: {
  readonly process?: { readonly getBuiltinModule?: (id: string) => unknown }
}

let hooks: { readonly module: typeof AsyncHooks | undefined } | undefined

const asyncHooks = (): typeof AsyncHooks | undefined => {
  hooks ??= { module: globalThis.process?.getBuiltinModule?.("node:async_hooks") as typeof AsyncHooks | undefined }
  return hooks.module
}

type Run = <A>(f: () => A) => A

const here: Run = (f) => f()

/**
 * Runs functions in the asynchronous context of now.
 *
 * @internal
 */
export const snapshot = (): Run => asyncHooks()?.AsyncLocalStorage.snapshot() ?? here

/**
 * Runs a fiber, wherever it is woken, in the asynchronous context of now.
 *
 * @internal
 */
export const schedulerOfNow = (): Scheduler.Scheduler => {
  const inContext = snapshot()
  const { defaultScheduler } = Scheduler
  return {
    shouldYield: (fiber) => defaultScheduler.shouldYield(fiber),
    scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(() => inContext(task), priority, fiber)
  }
}
