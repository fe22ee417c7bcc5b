/**
 * What the objects of a client share: its lifetime, its defaults, and the scope of its calls.
 *
 * @internal
 */
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import type * as Effect from "effect/Effect"
import type { NoukaiTransport } from "../../NoukaiTransport.js"
import type { Lifetime, Services } from "./lifetime.js"
import { signalsOf } from "./signals.js"

/** @internal */
export interface Defaults {
  readonly org: string | undefined
  readonly project: string | undefined
  readonly sessionId: string | undefined
  /** Ends every call of the client. */
  readonly signal: AbortSignal | undefined
  /** Whether replays are possible now; by default, as the runtime is configured. */
  readonly replayEnabled?: Effect.Effect<boolean, unknown> | undefined
}

/**
 * Puts an effect into a trace scope, or into none.
 *
 * @internal
 */
export type InScope = <A, E>(effect: Effect.Effect<A, E, Services>) => Effect.Effect<A, E, Services>

/** @internal */
export class Client implements NoukaiTransport {
  readonly _noukai = true

  constructor(
    readonly lifetime: Lifetime,
    readonly defaults: Defaults,
    /** What every call is in, be it a scope or none; without it, the scope that a call is made in. */
    private readonly pinned?: { readonly scope: TraceScope.Scope | undefined }
  ) {}

  /** Whether something is a client; what throws when it is asked is none. */
  static is(u: unknown): u is Client {
    try {
      return u instanceof Client
    } catch {
      return false
    }
  }

  /** The same client with every call in one scope, or in none. */
  pin(scope: TraceScope.Scope | undefined): Client {
    return new Client(this.lifetime, this.defaults, { scope })
  }

  /** What ends a call that was given this signal. */
  signals(signal: AbortSignal | undefined): ReadonlyArray<AbortSignal> {
    return signalsOf(signal, this.defaults.signal)
  }

  /** Puts effects into the scope of now, or into the one that the client is bound to; in a replay they stay in it. */
  inScopeOfNow(): InScope {
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
