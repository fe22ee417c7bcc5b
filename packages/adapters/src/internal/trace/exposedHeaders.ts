import { sessionHeader } from "../../TraceOptions.js"

/**
 * The header that says which others a page of another origin may read.
 *
 * @internal
 */
export const exposeHeader = "access-control-expose-headers"

/**
 * Its value, with the session's header after those that are exposed already.
 *
 * @internal
 */
export const withSessionHeader = (already: string | null | undefined): string =>
  already === undefined || already === null ? sessionHeader : `${already}, ${sessionHeader}`
