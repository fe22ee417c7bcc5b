/**
 * Releases a clone of the repository to a registry on this machine, then uses the packages from there as the README says: its first
 * program, and the command, and each block of the documents that can be pasted. Arguments choose documents by parts of their paths. The registry, verdaccio, passes requests for other packages on to the registry of npm's configuration.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync
} from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { text } from "node:stream/consumers"
import { pasteDocuments } from "./paste.mjs"
import { environment, timed } from "./suite.mjs"
import { current } from "./version.mjs"
import { publishable, root } from "./workspace.mjs"

const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopping.abort())

/** Runs a line of a shell in a folder, and returns its output. Stops it with all that it started. */
const sh = async (line, cwd, env = environment) => {
  stopping.signal.throwIfAborted()
  const child = spawn("sh", ["-c", line], { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
  const stop = () => process.kill(-child.pid)
  stopping.signal.addEventListener("abort", stop)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  stopping.signal.removeEventListener("abort", stop)
  if (code !== 0) throw new Error(`${line}\n${stdout}${stderr}`)
  return stdout.trim()
}

const equal = (found, expected, what) => {
  if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`)
}

const write = (folder, path, value) =>
  writeFileSync(join(folder, path), typeof value === "string" ? value : JSON.stringify(value, null, 2))

/** Starts the registry, and returns its server and the configuration of npm that leads to it. */
const startRegistry = async (folder) => {
  mkdirSync(folder)
  write(folder, "package.json", {
    private: true,
    dependencies: { verdaccio: "~6.2.9" },
    overrides: { verdaccio: { "node-fetch": "2.7.0" } }
  })
  await sh("npm install --no-audit --no-fund --ignore-scripts --prefer-offline", folder)
  const { runServer } = createRequire(join(folder, "package.json"))("verdaccio")
  const server = await runServer({
    configPath: join(folder, "config.yaml"),
    storage: join(folder, "storage"),
    uplinks: { upstream: { url: await sh("npm config get registry", folder) } },
    packages: {
      "@effect-noukai/*": { access: "$all", publish: "$authenticated" },
      "**": { access: "$all", proxy: "upstream" }
    },
    auth: { htpasswd: { file: join(folder, "htpasswd") } },
    log: { type: "stdout", level: "error" }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const host = `127.0.0.1:${server.address().port}`
  const user = await fetch(`http://${host}/-/user/org.couchdb.user:releaser`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "releaser", password: "of-this-test-alone" })
  })
  const { token } = await user.json()
  write(folder, ".npmrc", `registry=http://${host}/\n//${host}/:_authToken=${token}\ncache=${join(folder, "cache")}\n`)
  return { server, npmrc: join(folder, ".npmrc") }
}

/** In memory, where Linux has 4 GiB for it: a disk can take minutes to remove the files. */
const folder = () => {
  const memory = "/dev/shm"
  if (process.env.TMPDIR !== undefined || !existsSync(memory)) return tmpdir()
  const { bavail, bsize } = statfsSync(memory)
  return bavail * bsize >= 2 ** 32 ? memory : tmpdir()
}

const temporary = realpathSync(mkdtempSync(join(folder(), "noukai-release-")))
let registry

try {
  registry = await timed("verdaccio", () => startRegistry(join(temporary, "registry")))
  const inherited = Object.entries(environment).filter(([name]) => !/^npm_config_/i.test(name))
  const env = {
    ...Object.fromEntries(inherited),
    npm_config_userconfig: registry.npmrc,
    GIT_CONFIG_GLOBAL: "/dev/null",
    ...Object.fromEntries(
      ["AUTHOR", "COMMITTER"].flatMap((
        who
      ) => [[`GIT_${who}_NAME`, "Releaser"], [`GIT_${who}_EMAIL`, "releaser@example.com"]])
    )
  }
  const clone = join(temporary, "clone")
  await timed("clone, npm ci", async () => {
    await sh(`git clone --quiet "${root}" clone`, temporary)
    await sh("npm ci --no-audit --no-fund --prefer-offline", clone)
  })
  const [major, minor] = current().split(".")
  const version = `${major}.${Number(minor) + 1}.0`

  await timed(`npm run release, ${version}`, async () => {
    write(clone, ".changeset/first-of-test.md", `---\n"@effect-noukai/batch": minor\n---\n\nA change that users see.\n`)
    await sh("git add --all && git commit --quiet --message 'Change something'", clone, env)
    await sh("npm run release", clone, env)
    equal(await sh("git status --porcelain", clone), "", "changes that are not committed")
    equal(await sh("git describe", clone), `v${version}`, "the tag")
    const [, section] = readFileSync(join(clone, "CHANGELOG.md"), "utf8").split(/^(?=## )/m)
    equal(/^## (\S+) \(\d/.exec(section)?.[1], version, "the newest section of the changelog")
    equal(section.includes("\n- A change that users see.\n"), true, "the changeset in it")
    for (const { name } of publishable()) {
      equal(await sh(`npm view ${name} version`, temporary, env), version, `the version of ${name} on the registry`)
    }
  })

  const consumer = join(temporary, "consumer")
  const readme = readFileSync(join(clone, "README.md"), "utf8")
  const line = (name) => new RegExp(`^npm install .*${name}\\b.*`, "m").exec(readme)[0]
  mkdirSync(consumer)
  await timed("the first program of the README", async () => {
    await sh("npm init --yes && npm pkg set type=module", consumer, env)
    await sh(`${line("@effect-noukai/sdk")} && ${line("@effect-noukai/emulator")}`, consumer, env)
    for (
      const [, path, code] of readme.matchAll(
        /^<!-- file: scratchpad\/((?:grade|local|run)\.ts) -->\n```ts\n([^]*?)^```/gm
      )
    ) {
      write(consumer, basename(path), code)
    }
    const printed = await sh("npx tsx run.ts", consumer, env)
    equal(/score: \d+/.exec(printed)?.[0], "score: 8", `the result in ${printed}`)
  })
  await timed("npx noukai dev", async () => {
    await sh("npm install @effect-noukai/cli", consumer, env)
    equal(await sh("npx noukai --version", consumer, env), version, "the version of the command")
    const printed = await sh(
      "npx noukai dev --port 0 --exec 'noukai run noukai/samples/hello-world Hi --json'",
      consumer,
      env
    )
    equal(printed, "{\"text\":\"Hello! You said: Hi\"}", "the run")
  })
  const { CI: _, ...reader } = env
  mkdirSync(join(temporary, "home"))
  await pasteDocuments(
    join(temporary, "pages"),
    {
      ...reader,
      HOME: join(temporary, "home"),
      XDG_STATE_HOME: join(temporary, "home/state"),
      npm_config_prefix: join(temporary, "global"),
      npm_config_prefer_offline: "true",
      PATH: `${join(temporary, "global/bin")}:${reader.PATH}`
    },
    timed,
    process.argv.slice(2)
  )
} catch (error) {
  console.error(`FAIL  ${error.message}`)
  process.exitCode = 1
} finally {
  registry?.server.close()
  registry?.server.closeAllConnections()
  rmSync(temporary, { recursive: true, force: true })
}
