/**
 * `GET /keys/verify`: the owner of a key.
 *
 * @see contract 14
 */
import * as Effect from "effect/Effect"
import type { Endpoint, RouteOf } from "../server/endpoint.js"
import { json } from "../server/reply.js"

/**
 * The id of a key, its part that is no secret.
 *
 * @see contract 1.3
 */
const keyIdOf = (key: string): string | null => /^nk_(?:live|test)_([^_]{1,16})_/.exec(key)?.[1] ?? null

export const verify: Endpoint<RouteOf<"verifyKey">> = ({ caller }) =>
  Effect.succeed(json({ keyId: keyIdOf(caller.key), org: caller.org ?? null, project: caller.project ?? null }))
