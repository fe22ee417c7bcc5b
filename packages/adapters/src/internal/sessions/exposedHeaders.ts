import { sessionHeader } from "../../SessionsOptions.js"

/** The header with the names of the headers that a page of another origin may read. */
export const exposeHeader = "access-control-expose-headers"

/** The value of that header: the names that are exposed already, then the session's header. */
export const withSessionHeader = (already: string | null | undefined): string =>
  already === undefined || already === null ? sessionHeader : `${already}, ${sessionHeader}`
