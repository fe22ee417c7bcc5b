/** The state that the objects of a client share: lifetime, defaults, and the scope of its calls. */
import type * as Budget from "@effect-noukai/sdk/Budget"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import type * as Effect from "effect/Effect"
import type { NoukaiTransport } from "../../NoukaiTransport.js"
import { inBudgetsOfNow } from "../scope/budgets.js"
import type { Lifetime, Services } from "./lifetime.js"
import { signalsOf } from "./signals.js"

export interface Defaults {
  readonly org: string | undefined
  readonly project: string | undefined
  readonly sessionId: string | undefined
  /** Ends every call of the client. */
  readonly signal: AbortSignal | undefined
  /** Whether replays are enabled now. Default: as the runtime is configured. */
  readonly replayEnabled?: Effect.Effect<boolean, unknown> | undefined
}

/** Puts an effect into a trace scope, or into none. */
export type InScope = <A, E>(effect: Effect.Effect<A, E, Services>) => Effect.Effect<A, E, Services>

export class Client implements NoukaiTransport {
  readonly _noukai = true

  constructor(
    readonly lifetime: Lifetime,
    readonly defaults: Defaults,
    /** The scope, or none, of every call, and budgets of every call; absent: those in which a call is made. */
    private readonly pinned?: {
      readonly scope: TraceScope.Scope | undefined
      readonly budgets: ReadonlyArray<Budget.Budget>
    }
  ) {}

  /** Whether a value is a client; a value that throws on inspection is none. */
  static is(u: unknown): u is Client {
    try {
      return u instanceof Client
    } catch {
      return false
    }
  }

  /** The same client with every call in one scope, or in none, and in these budgets. */
  pin(scope: TraceScope.Scope | undefined, budgets: ReadonlyArray<Budget.Budget>): Client {
    return new Client(this.lifetime, this.defaults, { scope, budgets })
  }

  /** The signals that end a call: its own and the client's. */
  signals(signal: AbortSignal | undefined): ReadonlyArray<AbortSignal> {
    return signalsOf(signal, this.defaults.signal)
  }

  /**
   * Puts effects into the current scope, or into the pinned one; inside a replay they stay in the replay as well. The
   * current and the pinned budgets apply.
   */
  inScopeOfNow(): InScope {
    const inScope = this.inTraceScopeOfNow()
    const inBudgets = inBudgetsOfNow(this.pinned?.budgets)
    return (effect) => inBudgets(inScope(effect))
  }

  private inTraceScopeOfNow(): InScope {
    const now = TraceScope.ambient()
    const bound = this.pinned === undefined ? now : this.pinned.scope
    if (bound === undefined && now?.http === undefined) return (effect) => effect
    return bound === now || now?.http === undefined
      ? TraceScope.within(bound)
      : (effect) => TraceScope.within(now)(TraceScope.within(bound)(effect))
  }

  run<A, E>(effect: Effect.Effect<A, E, Services>, signal: AbortSignal | undefined): Promise<A> {
    return this.lifetime.run(this.inScopeOfNow()(effect), this.signals(signal))
  }
}
