import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

/**
 * Warnings as people without Effect expect them: one line, on the console method of their level.
 *
 * @internal
 */
export const consoleLogger: Layer.Layer<never> = Logger.replace(
  Logger.defaultLogger,
  Logger.withLeveledConsole(
    Logger.make(({ message }) => ["noukai:", ...(Array.isArray(message) ? message : [message])].map(String).join(" "))
  )
)
