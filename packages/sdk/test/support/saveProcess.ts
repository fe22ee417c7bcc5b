/** A program of its own: saves a large cassette to `<path>`, again and again, until it is killed. */
import { Cassette } from "@effect-noukai/sdk"
import { Effect } from "effect"
import { cassette, execution } from "./sessions.js"

const path = process.argv[2]!

const large = (letter: string) => cassette(execution("a", "execute", letter.repeat(8 * 1024 * 1024)))

const [one, other] = [large("x"), large("y")]

await Effect.runPromise(
  Effect.forever(Effect.zipRight(Cassette.save(one, path), Cassette.save(other, path)))
)
