/** The version of this package, as in its `package.json`. @internal */
export const version = "0.1.0"

/** The date-pinned version of the HTTP API. @internal */
export const apiVersion = "2026-05-31"
