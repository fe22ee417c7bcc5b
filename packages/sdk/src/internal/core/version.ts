/** The version of this package, as in its `package.json`. */
export const version = "0.1.0"

/** The date-pinned version of the HTTP API. */
export const apiVersion = "2026-05-31"
