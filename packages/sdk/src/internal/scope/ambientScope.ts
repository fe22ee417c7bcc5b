/**
 * The scope of asynchronous code that is no Effect, carried by the platform's `AsyncLocalStorage` where it has one.
 *
 * @internal
 */
import type { Scope } from "./currentScope.js"

interface Storage {
  readonly run: <A>(store: Scope | undefined, f: () => A) => A
  readonly getStore: () => Scope | undefined
}

/** A storage without the platform's help, in which a scope lasts until the first `await`. */
class SynchronousStorage implements Storage {
  private store: Scope | undefined
  getStore(): Scope | undefined {
    return this.store
  }
  run<A>(store: Scope | undefined, f: () => A): A {
    const before = this.store
    this.store = store
    try {
      return f()
    } finally {
      this.store = before
    }
  }
}

interface Host {
  readonly AsyncLocalStorage?: new() => Storage
  readonly process?: {
    readonly getBuiltinModule?: (id: string) => { readonly AsyncLocalStorage?: new() => Storage } | undefined
  }
}

const make = (): Storage => {
  const host = globalThis as Host
  const Platform = host.process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage ?? host.AsyncLocalStorage
  return Platform === undefined ? new SynchronousStorage() : new Platform()
}

let storage: Storage | undefined

/** @internal */
export const storedScope = (): Scope | undefined => storage?.getStore()

/** @internal */
export const runInScope = <A>(scope: Scope | undefined, f: () => A): A => {
  if (storage === undefined && scope === undefined) return f()
  storage ??= make()
  return storage.run(scope, f)
}
