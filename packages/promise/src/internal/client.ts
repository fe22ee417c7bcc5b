/**
 * What the objects of a client share: its lifetime, its defaults, and the scope of its calls.
 *
 * @internal
 */
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import type { NoukaiTransport } from "../NoukaiTransport.js"
import type { Lifetime, Services } from "./lifetime.js"
import type { InScope } from "./streamReader.js"

/** @internal */
export interface Defaults {
  readonly org: string | undefined
  readonly project: string | undefined
  readonly sessionId: string | undefined
  /** Ends every call of the client. */
  readonly signal: AbortSignal | undefined
}

/** @internal */
export class Client implements NoukaiTransport {
  readonly _noukai = true

  constructor(
    readonly lifetime: Lifetime,
    readonly defaults: Defaults,
    /** The scope of every call; without one, the scope that a call is made in. */
    private readonly scope: TraceScope.Scope | undefined
  ) {}

  /** The same client with every call in one scope. */
  inScope(scope: TraceScope.Scope): Client {
    return new Client(this.lifetime, this.defaults, scope)
  }

  signals(signal: AbortSignal | undefined): ReadonlyArray<AbortSignal> {
    const ofClient = this.defaults.signal
    return signal === undefined
      ? ofClient === undefined ? [] : [ofClient]
      : ofClient === undefined
      ? [signal]
      : [signal, ofClient]
  }

  /** Puts effects into the scope of now. */
  inScopeOfNow(): InScope {
    const { scope } = this
    return scope === undefined
      ? (effect) => effect
      : (effect) => Effect.provideService(effect, TraceScope, scope)
  }

  run<A, E>(effect: Effect.Effect<A, E, Services>, signal: AbortSignal | undefined): Promise<A> {
    return this.lifetime.run(this.inScopeOfNow()(effect), this.signals(signal))
  }
}
