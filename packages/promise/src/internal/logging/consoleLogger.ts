import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

/** Logs one line on the console method of the level, as programs without Effect expect. */
export const consoleLogger: Layer.Layer<never> = Logger.replace(
  Logger.defaultLogger,
  Logger.withLeveledConsole(
    Logger.make(({ message }) => ["noukai:", ...(Array.isArray(message) ? message : [message])].map(String).join(" "))
  )
)
