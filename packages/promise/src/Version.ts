/**
 * The version of this package.
 *
 * @since 0.1.0
 */

/**
 * The version of this package.
 *
 * @since 0.1.0
 * @category models
 */
export const VERSION: string = "0.1.0"
