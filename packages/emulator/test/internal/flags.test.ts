import { assert, describe, it } from "@effect/vitest"
import { Duration, Either } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Defaults from "../../src/internal/defaults.js"
import { parseArguments, usage } from "../../src/internal/flags.js"

const optionsOf = (...args: ReadonlyArray<string>) =>
  Either.match(parseArguments(args), {
    onLeft: (message) => assert.fail(message),
    onRight: ({ options }) => options
  })

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const lineOf = (flag: string) => usage.split("\n").find((line) => line.startsWith(`  --${flag} `))

describe("flags", () => {
  for (const group of ["limits", "jobs", "sessions"] as const) {
    for (const [key, standard] of Object.entries(Defaults[group])) {
      it(`${group}.${key} has a flag, and the usage says its default`, () => {
        const flag = `${group}-${kebab(key)}`
        assert.include(lineOf(flag), `(default ${String(standard)})`)
        const options = optionsOf(`--${flag}`, "7")[group] as { readonly [name: string]: unknown }
        assert.deepStrictEqual(Object.keys(options), [key])
        const value = options[key]
        assert.strictEqual(Duration.isDuration(value) ? Duration.toMillis(value) : value, 7)
      })
    }
  }

  for (const [key, standard] of Object.entries(Defaults.options)) {
    it(`${key} has a flag, and the usage says its default`, () => {
      assert.include(lineOf(kebab(key)), `(default ${standard === false ? "off" : String(standard)}`)
    })
  }

  it("webhooks have flags, and the usage says their defaults", () => {
    assert.include(lineOf("webhooks-allow"), "(default none)")
    assert.include(lineOf("webhooks-retries"), "(default 1 second,10 seconds,1 minute)")
    assert.include(lineOf("webhooks-secret"), `(default ${Defaults.webhooks.secret})`)
    assert.deepStrictEqual(
      optionsOf(
        "--webhooks-allow",
        "http://127.0.0.1:1,http://[::1]:2",
        "--webhooks-secret=whsec_a",
        "--webhooks-retries",
        "5, 2 seconds"
      ),
      {
        port: 8080,
        webhooks: {
          allow: ["http://127.0.0.1:1", "http://[::1]:2"],
          retries: [Duration.millis(5), Duration.seconds(2)],
          secret: "whsec_a"
        }
      }
    )
    const wrong = parseArguments(["--webhooks-retries", "1 second,soon"])
    assert.include(Either.isLeft(wrong) ? wrong.left : "", "--webhooks-retries takes milliseconds or a duration")
  })

  it("gives what it was given, and nothing else", () => {
    assert.deepStrictEqual(optionsOf(), { port: 8080 })
    assert.deepStrictEqual(
      optionsOf(
        "--capture",
        "redacted",
        "--run-paths",
        "flow-runs",
        "--refused-run-paths",
        "403",
        "--jobs-workers=2",
        "--jobs-queue-delay",
        "2 seconds",
        "--limits-runs",
        "500",
        "--limits-evicted",
        "0",
        "--organisations",
        "{\"acme\":{\"credits\":\"5\"}}",
        "--legacy-fields",
        "--stream-outputs",
        "documented"
      ),
      {
        port: 8080,
        capture: "redacted",
        runPaths: "flow-runs",
        refusedRunPaths: 403,
        jobs: { workers: 2, queueDelay: Duration.seconds(2) },
        limits: { runs: 500, evicted: 0 },
        organisations: { acme: { credits: "5" } },
        legacyFields: true,
        streamOutputs: "documented"
      }
    )
  })

  it("reads organisations from a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "noukai-"))
    try {
      const path = join(folder, "organisations.json")
      writeFileSync(path, "{\"acme\":{\"capture\":\"full\"}}")
      assert.deepStrictEqual(optionsOf("--organisations", path).organisations, { acme: { capture: "full" } })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, message: RegExp]> = [
    [["--limits-runs", "0"], /^--limits-runs takes a whole number from 1 to \d+, not "0"$/],
    [["--limits-runs", "-1"], /limits-runs/],
    [["--limits-runs", "1.5"], /^--limits-runs takes a whole number/],
    [
      ["--jobs-row-delay", "soon"],
      /^--jobs-row-delay takes milliseconds or a duration such as "2 seconds", not "soon"$/
    ],
    [["--jobs-row-delay", "-1 seconds"], /row-delay/],
    [["--jobs-row-delay=-1 seconds"], /^--jobs-row-delay takes milliseconds or a duration/],
    [["--sessions-lag", "9".repeat(400)], /^--sessions-lag takes milliseconds or a duration/],
    [["--jobs-queue-delay", "NaN"], /^--jobs-queue-delay takes milliseconds or a duration/],
    [["--port", "70000"], /^--port takes a whole number from 0 to 65535, not "70000"$/],
    [["--seed", "NaN"], /^--seed takes a whole number/],
    [["--jobs-workers", "Infinity"], /^--jobs-workers takes a whole number/],
    [["--prot", "1"], /^--prot is not a flag: did you mean --port\?$/],
    [["--run-paths", "some"], /^--run-paths takes both, seq, flow-runs or none, not "some"$/],
    [["--refused-run-paths", "500"], /^--refused-run-paths takes 401, 403 or 404, not "500"$/],
    [["--capture", "all"], /^--capture takes metadata_only, full, redacted or off, not "all"$/],
    [["--stream-outputs", "other"], /^--stream-outputs takes hosted or documented, not "other"$/],
    [["--organisations", "{\"acme\":{\"credits\":5}}"], /^--organisations: at acme\.credits: /],
    [["--organisations", "{\"acme\":{\"credit\":\"5\"}}"], /^--organisations: at acme\.credit: /],
    [["--organisations", "{\"Acme\":{}}"], /^--organisations: at Acme: /],
    [["--organisations", "{"], /^--organisations takes JSON or the path of a file that holds it: /],
    [["--organisations", "/none/such.json"], /^--organisations takes JSON or the path of a file/],
    [["--limits-run", "1"], /limits-run/],
    [["--legacy-fields=yes"], /legacy-fields/]
  ]
  for (const [args, message] of wrong) {
    it(`says what is wrong with ${args.join(" ")}`, () => {
      const parsed = parseArguments(args)
      assert.isTrue(Either.isLeft(parsed))
      if (Either.isLeft(parsed)) assert.match(parsed.left, message)
    })
  }
})
