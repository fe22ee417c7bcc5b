import type { Turns } from "@effect-noukai/adapters/Page"
import Database from "libsql"
import { z } from "zod"

const Row = z.object({ turn: z.string(), held: z.number() })

/** The newest turn of each chat, in a file that all processes of this machine share. A table of your database is the same. */
export const turns = (file: string): Turns => {
  const database = new Database(file, { timeout: 5_000 })
  database.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS turns (chat TEXT PRIMARY KEY, turn TEXT NOT NULL, holder TEXT NOT NULL, until REAL NOT NULL)
  `)
  const latest = database.prepare("SELECT turn, until > ? AS held FROM turns WHERE chat = ?")
  // one statement, so that two processes cannot both take a chat
  const claim = database.prepare(`
    INSERT INTO turns (chat, turn, holder, until) VALUES (?, ?, ?, ?)
    ON CONFLICT (chat) DO UPDATE SET turn = excluded.turn, holder = excluded.holder, until = excluded.until
    WHERE turns.holder = excluded.holder OR turns.until <= ?
  `)
  return {
    latest: (chat) => {
      const { data: found } = Row.safeParse(latest.get([Date.now(), chat]))
      return found && { turn: found.turn, held: found.held === 1 }
    },
    claim: ({ chat, holder, lease, turn }) => {
      const now = Date.now()
      return claim.run([chat, turn, holder, now + lease, now]).changes === 1
    }
  }
}
