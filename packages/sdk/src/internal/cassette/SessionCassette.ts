/** A recorded session as a cassette. */
import * as Schema from "effect/Schema"
import { SessionResponse } from "../operations/sessionRequests.js"
import { absentable } from "../schema/nullable.js"

const sessionCassetteSchema = Schema.Struct({
  format: Schema.Literal("noukai-cassette/1"),
  kind: Schema.Literal("session"),
  /** The org and project of bare slugs when the session was fetched. */
  client: Schema.Struct({ org: absentable(Schema.String), project: absentable(Schema.String) }),
  session: SessionResponse
})

/** */
export interface SessionCassette extends Schema.Schema.Type<typeof sessionCassetteSchema> {}

/** The runs of a session id, as the server gave them. */
export const SessionCassette: Schema.Schema<SessionCassette, Schema.Schema.Encoded<typeof sessionCassetteSchema>> =
  sessionCassetteSchema
