/**
 * The options and headers that all middleware for capture and replay shares.
 *
 * @since 0.1.0
 */

/**
 * The options of `sessions` on every server.
 *
 * @since 0.1.0
 * @category options
 */
export interface SessionsOptions {
  /**
   * Paths without a scope: `"/health"` and everything below it, a pattern, or a function of the path. Default: none.
   */
  readonly exclude?: ReadonlyArray<string | RegExp> | ((path: string) => boolean) | undefined
  /** Allows pages of other origins to read `X-Noukai-Session`. Default: false. */
  readonly exposeSession?: boolean | undefined
  /**
   * The response to `X-Noukai-Replay` while replay is off. `"capture"` captures with a warning, because a stranger may
   * have sent the header; `"fail"` answers 500. Default: `"capture"`.
   */
  readonly whenDisabled?: "capture" | "fail" | undefined
}

/**
 * The request header that requests a replay.
 *
 * @since 0.1.0
 * @category constants
 */
export const replayHeader = "x-noukai-replay"

/**
 * The response header that names the session.
 *
 * @since 0.1.0
 * @category constants
 */
export const sessionHeader = "x-noukai-session"
