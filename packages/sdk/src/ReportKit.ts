/**
 * Shared rules for the packages of this repository that keep and report runs; not part of the public promise.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import type { SessionCassette } from "./Cassette.js"
import { type FindPlaces, redactionBy, redactSession } from "./internal/cassette/redaction.js"
import type { InvalidRequestError } from "./NoukaiError.js"

/**
 * Removes values from a session, as `Cassette.redact` does. Functions find the places of the patterns in each text.
 *
 * @since 0.1.0
 * @category redaction
 */
export const redactPlaces = (
  cassette: SessionCassette,
  paths: ReadonlyArray<string>,
  patterns: ReadonlyArray<FindPlaces>
): Either.Either<SessionCassette, InvalidRequestError> =>
  Either.map(redactionBy("Cassette.redact", paths, patterns), (redact) => redactSession(cassette, redact))
