import { sessionHeader } from "../../SessionsOptions.js"

/** The header that names the headers which a page of another origin may read. */
export const exposeHeader = "access-control-expose-headers"

/** The value of that header, with the session's header after the ones that are exposed already. */
export const withSessionHeader = (already: string | null | undefined): string =>
  already === undefined || already === null ? sessionHeader : `${already}, ${sessionHeader}`
