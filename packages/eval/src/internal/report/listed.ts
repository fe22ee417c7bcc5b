/** The first cases of each verdict, in one pass over all cases. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { CaseVerdict, Verdict } from "../../EvalReport.js"
import { verdicts } from "./words.js"

/** The cases of one verdict. */
export interface Listed<A> {
  readonly verdict: Verdict
  /** The first ones, as they are shown. */
  readonly shown: ReadonlyArray<A>
  readonly count: number
}

/** Returns the cases that did not pass, regressions first, at most `most` of each verdict. */
export const listed = <A, E, R>(
  cases: Stream.Stream<CaseVerdict, E, R>,
  most: number,
  show: (one: CaseVerdict) => A
): Effect.Effect<ReadonlyArray<Listed<A>>, E, R> =>
  Effect.suspend(() => {
    const found = new Map(verdicts.map((verdict) => [verdict, { shown: new Array<A>(), count: 0 }]))
    return Stream.runForEach(cases, (one) =>
      Effect.sync(() => {
        const list = found.get(one.verdict)!
        if (list.count++ < most && one.verdict !== "pass") list.shown.push(show(one))
      })).pipe(Effect.map(() =>
        verdicts.flatMap((verdict) => {
          const list = found.get(verdict)!
          return list.count === 0 || verdict === "pass" ? [] : [{ verdict, ...list }]
        })
      ))
  })
