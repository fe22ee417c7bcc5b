/**
 * The scope and the budgets of asynchronous code that is no Effect, carried by the platform's `AsyncLocalStorage` where
 * it has one.
 */
import type { Budget } from "../budget/ledger.js"
import type { Scope } from "./currentScope.js"

interface Ambient {
  readonly scope: Scope | undefined
  readonly budgets: ReadonlyArray<Budget>
}

interface Storage {
  readonly run: <A>(store: Ambient, f: () => A) => A
  readonly getStore: () => Ambient | undefined
}

const nothing: Ambient = { scope: undefined, budgets: [] }

/** A storage without the platform's help, in which a scope lasts until the first `await`. */
class SynchronousStorage implements Storage {
  private store: Ambient | undefined
  getStore(): Ambient | undefined {
    return this.store
  }
  run<A>(store: Ambient, f: () => A): A {
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

const stored = (): Ambient => storage?.getStore() ?? nothing

const runStored = <A>(ambient: Ambient, f: () => A): A => {
  if (storage === undefined && ambient.scope === undefined && ambient.budgets.length === 0) return f()
  storage ??= make()
  return storage.run(ambient, f)
}

export const storedScope = (): Scope | undefined => stored().scope

export const storedBudgets = (): ReadonlyArray<Budget> => stored().budgets

export const runInScope = <A>(scope: Scope | undefined, f: () => A): A => runStored({ ...stored(), scope }, f)

export const runInBudgets = <A>(budgets: ReadonlyArray<Budget>, f: () => A): A => runStored({ ...stored(), budgets }, f)
