/** A PostgreSQL server of the test's own, in a temporary folder. */
import { Array as Arr, Data, Effect, Order, Schedule, type Scope } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { freePort } from "./freePort.js"

export class PostgresError extends Data.TaggedError("PostgresError")<{ readonly message: string }> {}

export interface Postgres {
  readonly url: string
  /** Stops it at once, as a crash does, and starts it again: it recovers from its log. */
  readonly restart: Effect.Effect<void, PostgresError>
  /** Stops it at once. */
  readonly crash: Effect.Effect<void, PostgresError>
  readonly start: Effect.Effect<void, PostgresError>
  /** Stops its processes, with all connections open, for so many milliseconds. */
  readonly stall: (millis: number) => Effect.Effect<void>
}

const versions = "/usr/lib/postgresql"

/** The folder of the newest version's programs, where Debian puts them: outside the path. */
const findPrograms = Effect.suspend(() => {
  const found = (Fs.existsSync(versions) ? Fs.readdirSync(versions) : [])
    .filter((version) => Fs.existsSync(Path.join(versions, version, "bin", "initdb")))
  const newest = Arr.sort(found, Order.mapInput(Order.number, Number)).at(-1)
  return newest === undefined
    ? new PostgresError({ message: `no PostgreSQL under ${versions}: install Debian's package "postgresql"` })
    : Effect.succeed(Path.join(versions, newest, "bin"))
})

interface Identity {
  readonly uid?: number
  readonly gid?: number
}

/** PostgreSQL refuses to run as root. */
const serverIdentity = (): Identity => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null

const awaitEnd = (child: ChildProcess): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (ended(child)) return resume(Effect.void)
    const onExit = () => resume(Effect.void)
    child.once("exit", onExit)
    return Effect.sync(() => child.off("exit", onExit))
  })

const stop = (child: ChildProcess, signal: "SIGINT" | "SIGQUIT") =>
  Effect.zipRight(Effect.sync(() => child.kill(signal)), awaitEnd(child))

/** Starts a server with an empty database, and stops and removes it with the scope. */
export const startPostgres: Effect.Effect<Postgres, PostgresError, Scope.Scope> = Effect.gen(function*() {
  const programs = yield* findPrograms
  const identity = serverIdentity()
  const port = yield* freePort
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const path = Fs.mkdtempSync(Path.join(Os.tmpdir(), "noukai-postgres-"))
      if (identity.uid !== undefined && identity.gid !== undefined) Fs.chownSync(path, identity.uid, identity.gid)
      return path
    }),
    (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true, force: true }))
  )
  const data = Path.join(folder, "data")
  const log = Path.join(folder, "log")
  const environment = { PATH: process.env.PATH, LC_ALL: "C" }

  // trust, for the socket and the loopback addresses alone
  const initdb = ["-D", data, "-U", "noukai", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"]
  yield* Effect.try({
    try: () =>
      execFileSync(Path.join(programs, "initdb"), initdb, {
        ...identity,
        cwd: folder,
        env: environment,
        stdio: ["ignore", "ignore", "pipe"]
      }),
    catch: (cause) => new PostgresError({ message: String(cause) })
  })

  const isReady = Effect.async<boolean>((resume) => {
    const args = ["-q", "-h", "127.0.0.1", "-p", String(port), "-U", "noukai"]
    const probe = spawn(Path.join(programs, "pg_isready"), args, { stdio: "ignore", env: environment })
    probe.on("exit", (code) => resume(Effect.succeed(code === 0)))
    return Effect.sync(() => probe.kill())
  })

  let server: ChildProcess | undefined
  const start = Effect.gen(function*() {
    const settings = {
      listen_addresses: "127.0.0.1",
      port: String(port),
      unix_socket_directories: folder,
      fsync: "on",
      max_connections: "200"
    }
    const output = Fs.openSync(log, "a")
    const child = spawn(
      Path.join(programs, "postgres"),
      ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      { ...identity, cwd: folder, env: environment, stdio: ["ignore", output, output] }
    )
    Fs.closeSync(output)
    server = child
    yield* isReady.pipe(
      Effect.repeat({ until: (ready) => ready || ended(child), schedule: Schedule.spaced("50 millis") })
    )
    if (ended(child)) return yield* new PostgresError({ message: Fs.readFileSync(log, "utf8") })
  })
  const crash = Effect.suspend(() => server === undefined ? Effect.void : stop(server, "SIGQUIT"))

  const signalAll = (signal: "SIGSTOP" | "SIGCONT") =>
    Effect.sync(() => {
      const pid = server?.pid
      if (pid === undefined) return
      const children = Fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((id) => id !== "")
      for (const id of [String(pid), ...children]) {
        try {
          process.kill(Number(id), signal)
        } catch {
          // it has ended meanwhile
        }
      }
    })

  yield* Effect.addFinalizer(() => server === undefined ? Effect.void : stop(server, "SIGINT"))
  yield* start
  return {
    url: `postgres://noukai@127.0.0.1:${port}/postgres`,
    start,
    crash,
    restart: Effect.zipRight(crash, start),
    stall: (millis) =>
      Effect.acquireUseRelease(signalAll("SIGSTOP"), () => Effect.sleep(millis), () => signalAll("SIGCONT"))
  }
})
