/**
 * What the middlewares that capture and replay have in common: options, and the headers that are read and set.
 *
 * @since 0.1.0
 */

/**
 * The options of every `trace`, whatever the server.
 *
 * @since 0.1.0
 * @category options
 */
export interface TraceOptions {
  /**
   * Paths that get no scope: `"/health"` with all that is below it, a pattern, or a function of the path. Default: none.
   */
  readonly exclude?: ReadonlyArray<string | RegExp> | ((path: string) => boolean) | undefined
  /** Lets pages of other origins read `X-Noukai-Session`. Default: false. */
  readonly exposeSession?: boolean | undefined
  /**
   * What becomes of `X-Noukai-Replay` while replay is off. `"capture"`: a capture, with a warning, because the header may
   * be a stranger's. `"fail"`: a 500. Default: `"capture"`.
   */
  readonly whenDisabled?: "capture" | "fail" | undefined
}

/**
 * The header that asks for a replay.
 *
 * @since 0.1.0
 * @category constants
 */
export const replayHeader = "x-noukai-replay"

/**
 * The header that says which session a response belongs to.
 *
 * @since 0.1.0
 * @category constants
 */
export const sessionHeader = "x-noukai-session"
