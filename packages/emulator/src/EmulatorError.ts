/**
 * The error of an emulator that did not start, or that refused flows or faults.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Marks the errors of the emulator.
 *
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@effect-noukai/emulator/EmulatorError")

/**
 * Marks the errors of the emulator.
 *
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * The emulator could not start, or refused flows or faults. `PortInUse`: another process listens there. `Listen`: the
 * address cannot be used. `InvalidFlow`: a flow or fault is wrong, and `path` names the place. `File`: the flows file
 * cannot be read. `Config`: the client configuration cannot be made, or an option, key or organisation is wrong.
 *
 * @since 0.1.0
 * @category errors
 */
export class EmulatorError extends Schema.TaggedError<EmulatorError>("@effect-noukai/emulator/EmulatorError")(
  "EmulatorError",
  {
    reason: Schema.Literal("PortInUse", "Listen", "InvalidFlow", "File", "Config"),
    message: Schema.String,
    /** The place of the mistake in the flows, such as `flows[0].steps[1].kind`. */
    path: Schema.optionalWith(Schema.String, { exact: true }),
    cause: Schema.optional(Schema.Defect)
  }
) {
  /**
   * @since 0.1.0
   */
  readonly [TypeId]: TypeId = TypeId
}
