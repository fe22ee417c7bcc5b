/**
 * Durations of flows, in milliseconds.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/** For values that the flow schema has checked; anything else is no time at all. @internal */
export const millis = (value: Duration.DurationInput | string | undefined): number =>
  value === undefined
    ? 0
    : Option.match(Duration.decodeUnknown(value), { onNone: () => 0, onSome: Duration.toMillis })
