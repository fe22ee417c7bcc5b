/**
 * The error of a wrong config.
 *
 * @since 0.1.0
 */

/**
 * A config, or an option of this package, is wrong. The server does not start, and nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class McpConfigError extends Error {
  /** Each mistake with the path of its field. */
  readonly problems: ReadonlyArray<string>

  constructor(problems: ReadonlyArray<string>) {
    super(problems.join("\n"))
    this.problems = problems
  }

  static {
    this.prototype.name = "McpConfigError"
  }
}
