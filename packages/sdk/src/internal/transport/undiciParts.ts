/**
 * The two parts of undici that are used, without the others that its index loads: its `fetch`, its web sockets, its
 * cache. They are files of undici's own, so its version is pinned.
 *
 * @internal
 */
import type * as Undici from "undici"
// @ts-expect-error undici declares types for its index alone
import buildConnectorOfUndici from "undici/lib/core/connect.js"
// @ts-expect-error as above
import ClientOfUndici from "undici/lib/dispatcher/client.js"

/** @internal */
export const Client: typeof Undici.Client = ClientOfUndici

/** @internal */
export const buildConnector: typeof Undici.buildConnector = buildConnectorOfUndici
