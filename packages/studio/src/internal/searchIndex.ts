/** The texts of runs in a file that is searched: a database of libsql with FTS5. */
import Libsql from "libsql"
import { chmodSync } from "node:fs"
import type { FoundRun } from "../FindApi.js"
import type { Run } from "../RunsApi.js"
import { hitOf, type Place } from "./search.js"

/** The most that the file keeps. */
export interface Limits {
  readonly bytes: number
  /** The time since a run began, in milliseconds. */
  readonly ageMs: number
}

/** The most runs that are listed, and the most places that are searched for them. */
const most = { runs: 100, places: 5_000 }

/** The most characters of the texts of a run, and of the part of a longer sought text that the database searches. */
const mostText = { ofRun: 200_000, sought: 200 }

/** The places of a run have the numbers after its own, shifted so many bits. */
const shift = 20

export interface SearchIndex {
  readonly has: (id: string) => boolean
  readonly runs: () => number
  readonly sizeBytes: () => number
  /** Adds a run that has ended. Removes the oldest where the file has no room. */
  readonly add: (run: Run, places: ReadonlyArray<Place>, now: number) => void
  readonly find: (text: string) => { readonly runs: ReadonlyArray<FoundRun>; readonly isCut: boolean }
  /** Removes the runs that are too old. */
  readonly expire: (now: number) => void
  readonly close: () => void
}

const schema = `
pragma auto_vacuum = incremental;
pragma secure_delete = on;
pragma journal_mode = delete;
pragma synchronous = off;
pragma busy_timeout = 2000;
create table if not exists runs (
  key integer primary key, server text not null, id text not null, flow text not null, status text not null,
  started real, at real not null, unique (server, id)
);
create index if not exists runs_at on runs (at);
create virtual table if not exists texts using fts5 (text, place unindexed, tokenize = 'trigram');
insert into texts (texts, rank) values ('secure-delete', 1);
`

interface Row {
  readonly id: string
  readonly flow: string
  readonly status: string
  readonly started: number | null
  readonly text: string
  readonly place: string
  readonly key: number
}

// the text of a database ends there
const withoutNul = (text: string): string => text.replaceAll("\u0000", "\ufffd")

/** Prepares each statement once: libsql keeps the memory of all that it ever prepared. */
const statementsOf = (database: Libsql.Database) => ({
  ids: database.prepare("select id from runs where server = ?"),
  addRun: database.prepare(
    "insert or ignore into runs (server, id, flow, status, started, at) values (?, ?, ?, ?, ?, ?)"
  ),
  addText: database.prepare("insert into texts (rowid, text, place) values (?, ?, ?)"),
  find: database.prepare(
    `select runs.key, id, flow, status, started, text, place
     from (select rowid as number, text, place from texts where texts match ? order by rowid desc limit ${most.places})
     join runs on runs.key = number >> ${shift} where server = ? order by runs.at desc, runs.key desc, number`
  ),
  oldest: database.prepare("select key from runs order by at limit ?"),
  older: database.prepare("select key from runs where at < ? limit 1000"),
  ofServer: database.prepare("select key from runs where server = ? limit 1000"),
  removeTexts: database.prepare("delete from texts where rowid >= ? and rowid < ?"),
  removeRun: database.prepare("delete from runs where key = ?"),
  size: database.prepare("select page_count * page_size as size from pragma_page_count, pragma_page_size")
})

/** Changes all or nothing. */
const changing = (database: Libsql.Database, change: () => void): void => {
  database.exec("begin immediate")
  try {
    change()
    database.exec("commit")
  } catch (error) {
    database.exec("rollback")
    throw error
  }
}

/** The runs of places. The database has searched the beginning of a long text alone. */
const foundIn = (all: ReadonlyArray<Row>, lower: string): ReturnType<SearchIndex["find"]> => {
  const isLong = lower.length > mostText.sought
  const runs = new Map<number, FoundRun>()
  for (const { flow, id, key, place, started, status, text } of all) {
    if (isLong && !text.toLowerCase().includes(lower)) continue
    const before = runs.get(key)
    runs.set(
      key,
      before === undefined
        ? {
          run: { id, flow, status, ...started !== null && { startedAt: started } },
          hit: hitOf({ ...JSON.parse(place), text, lower: text.toLowerCase() } as Place, lower),
          places: 1
        }
        : { ...before, places: before.places + 1 }
    )
  }
  return {
    runs: [...runs.values()].slice(0, most.runs),
    isCut: all.length === most.places || runs.size > most.runs
  }
}

/**
 * Opens the file, which may be empty. `isAnew`: the runs of this server in it are those of an emulator that was
 * stopped.
 *
 * Throws if the file cannot be opened.
 */
export const open = (
  file: string,
  server: string,
  limits: Limits,
  { isAnew }: { readonly isAnew: boolean }
): SearchIndex => {
  // the files beside it take its mode
  chmodSync(file, 0o600)
  const database = new Libsql(file)
  database.exec(schema)
  const statements = statementsOf(database)
  const rows = <A>(statement: Libsql.Statement, ...values: ReadonlyArray<unknown>) =>
    statement.all(...values) as ReadonlyArray<A>
  const sizeBytes = (): number => rows<{ readonly size: number }>(statements.size)[0]!.size
  const known = new Set<string>()
  const learn = (): void => {
    known.clear()
    for (const { id } of rows<{ readonly id: string }>(statements.ids, server)) known.add(id)
  }
  /** Removes the runs that a statement names, until it names none. */
  const remove = (statement: Libsql.Statement, value: unknown, isOnce = false): void => {
    for (let left = true; left;) {
      const keys = rows<{ readonly key: number }>(statement, value)
      changing(database, () => {
        for (const { key } of keys) {
          statements.removeTexts.run(key * 2 ** shift, (key + 1) * 2 ** shift)
          statements.removeRun.run(key)
        }
      })
      left = keys.length > 0 && !isOnce
    }
    database.exec("insert into texts (texts, rank) values ('merge', 500)")
    database.exec("pragma incremental_vacuum")
    learn()
  }
  /** Leaves room for a run: a twentieth of the file. */
  const makeRoom = (): void => {
    while (known.size > 0 && sizeBytes() > limits.bytes * 0.9) {
      remove(statements.oldest, Math.max(1, Math.ceil(known.size / 10)), true)
    }
  }
  learn()
  if (isAnew && known.size > 0) remove(statements.ofServer, server)
  return {
    has: (id) => known.has(id),
    runs: () => known.size,
    sizeBytes,
    expire: (now) => {
      if (rows(statements.older, now - limits.ageMs).length > 0) remove(statements.older, now - limits.ageMs)
    },
    add: ({ flow, id, startedAt, status }, places, now) => {
      changing(database, () => {
        const { changes, lastInsertRowid } = statements.addRun.run(
          server,
          id,
          flow,
          status,
          startedAt ?? null,
          startedAt ?? now
        )
        // another studio has added it
        if (changes === 0) return
        let left = Math.min(mostText.ofRun, limits.bytes / 20)
        places.forEach((place, number) => {
          if (left <= 0) return
          const { lower: _, text, ...where } = place
          const part = withoutNul(text.slice(0, left))
          left -= part.length
          statements.addText.run(Number(lastInsertRowid) * 2 ** shift + number, part, JSON.stringify(where))
        })
      })
      known.add(id)
      makeRoom()
    },
    find: (text) => {
      const sought = withoutNul(text)
      const part = [...sought].slice(0, mostText.sought).join("")
      return foundIn(rows<Row>(statements.find, `"${part.replaceAll("\"", "\"\"")}"`, server), sought.toLowerCase())
    },
    close: () => database.close()
  }
}
