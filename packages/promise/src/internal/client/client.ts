/** The state that all objects of a client share. */
import type * as Budget from "@effect-noukai/sdk/Budget"
import { TraceScope } from "@effect-noukai/sdk/TraceScope"
import * as Effect from "effect/Effect"
import type * as Tracer from "effect/Tracer"
import type { CallSignal } from "../../NoukaiOptions.js"
import type { NoukaiTransport } from "../../NoukaiTransport.js"
import { refusal } from "../options/reading.js"
import { inBudgetsOfNow } from "../scope/budgets.js"
import { guardLiveRuns } from "../scope/guardLiveRuns.js"
import { AbortReason } from "../tools/abortReason.js"
import type { Lifetime, Services } from "./lifetime.js"
import { signalsOf } from "./signals.js"

export interface Defaults {
  readonly org: string | undefined
  readonly project: string | undefined
  readonly sessionId: string | undefined
  /** Ends every call of the client. */
  readonly signal: AbortSignal | undefined
  /** Whether replays are enabled now. Default: the configuration of the runtime. */
  readonly replayEnabled?: Effect.Effect<boolean, unknown> | undefined
}

/** The tracer of calls, and the span above theirs. */
export interface Spans {
  readonly tracer: Tracer.Tracer
  readonly parent: Tracer.AnySpan | undefined
}

/** Runs an effect in a scope. */
export type InScope = <A, E>(effect: Effect.Effect<A, E, Services>) => Effect.Effect<A, E, Services>

export class Client implements NoukaiTransport {
  readonly _noukai = true

  constructor(
    readonly lifetime: Lifetime,
    readonly defaults: Defaults,
    /** The scope and the budgets of every call. Default: those of the calling code. */
    private readonly pinned?: {
      readonly scope: TraceScope.Scope | undefined
      readonly budgets: ReadonlyArray<Budget.Budget>
      readonly spans?: Spans | undefined
    }
  ) {
    guardLiveRuns()
  }

  /** Whether a value is a client. */
  static is(u: unknown): u is Client {
    try {
      return u instanceof Client
    } catch {
      return false
    }
  }

  /** Returns a client. Throws a refusal, for objects that programs try to make by hand. */
  static of(u: unknown, object: string, made: string): Client {
    if (Client.is(u)) return u
    throw refusal(`new ${object}`, "client", `is missing: call ${made} to make it`)
  }

  /** Returns the same client with a fixed scope, fixed budgets and, if given, its own spans for all calls. */
  pin(scope: TraceScope.Scope | undefined, budgets: ReadonlyArray<Budget.Budget>, spans?: Spans): Client {
    return new Client(this.lifetime, this.defaults, { scope, budgets, spans })
  }

  /** Returns the signals that end a call: its own and the client's. */
  signals(signal: CallSignal | undefined): ReadonlyArray<CallSignal> {
    return signalsOf(signal, this.defaults.signal)
  }

  /**
   * Runs effects in the pinned scope, or else in the current one. A current replay applies too. The current and the
   * pinned budgets apply. Handlers of tools learn the reason of an abort of the signals.
   */
  inScopeOfNow(signals: ReadonlyArray<CallSignal> = []): InScope {
    const inScope = this.inTraceScopeOfNow()
    const inBudgets = inBudgetsOfNow(this.pinned?.budgets)
    const reason = () => this.lifetime.abortReason(signals)
    const inSpans = this.inSpans()
    return (effect) => inSpans(Effect.provideService(inBudgets(inScope(effect)), AbortReason, reason))
  }

  private inSpans(): InScope {
    const spans = this.pinned?.spans
    if (spans === undefined) return (effect) => effect
    const { parent, tracer } = spans
    return (effect) => Effect.withTracer(parent === undefined ? effect : Effect.withParentSpan(effect, parent), tracer)
  }

  private inTraceScopeOfNow(): InScope {
    const now = TraceScope.ambient()
    const bound = this.pinned === undefined ? now : this.pinned.scope
    if (bound === undefined && now?.http === undefined) return (effect) => effect
    return bound === now || now?.http === undefined
      ? TraceScope.within(bound)
      : (effect) => TraceScope.within(now)(TraceScope.within(bound)(effect))
  }

  run<A, E>(effect: Effect.Effect<A, E, Services>, signal: CallSignal | undefined): Promise<A> {
    const signals = this.signals(signal)
    return this.lifetime.run(this.inScopeOfNow(signals)(effect), signals)
  }
}
