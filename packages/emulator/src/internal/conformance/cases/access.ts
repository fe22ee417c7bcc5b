/**
 * Cases of versions, keys and paths.
 *
 * @see docs/wire.md#servers-and-keys
 * @see docs/wire.md#headers
 * @see docs/wire.md#versions
 * @see docs/wire.md#endpoints
 * @see docs/wire.md#keys
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import { any, exchange, fixture, get, made, ok, post, refusal, sample } from "../caseParts.js"

const version = (segment: string, expected: string): ConformanceCase =>
  made(
    `versions: versions${segment}/execute runs ${expected}`,
    [`versions ${segment === "" ? "plain path" : segment}`],
    [
      exchange(post(fixture(`versions${segment}`, "execute"), {}), ok({ status: "completed", result: expected }))
    ]
  )

const key = (as: string, status: number, code: string): ConformanceCase =>
  made(`emulator: a call with the key of ${as}: ${status} ${code}`, [
    `emulator ${status}`,
    `statuses ${status}`,
    `codes ${code}`
  ], [
    exchange(post(sample("hello-world", "execute"), { message: "hi" }, { as }), {
      ...refusal(status, code),
      headers: {
        "x-request-id": any("string"),
        ...(status === 401 ? { "www-authenticate": { $matches: "^Bearer" } } : {})
      }
    })
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  version("", "one"),
  version("/v0", "draft"),
  version("/v1", "one"),
  version("/v2", "two"),
  made("versions: a version that is not there: 404 FLOW_NOT_FOUND", [
    "versions unknown version",
    "codes FLOW_NOT_FOUND"
  ], [
    exchange(post(fixture("versions/v9", "execute"), {}), refusal(404, "FLOW_NOT_FOUND"))
  ]),
  made("versions: without a published version the plain path runs the draft", ["versions fallback"], [
    exchange(post(sample("hello-world", "execute"), { message: "hi" }), ok({ status: "completed" }))
  ]),
  key("none", 401, "UNAUTHENTICATED"),
  key("malformed", 401, "UNAUTHENTICATED"),
  key("unknown", 401, "UNAUTHENTICATED"),
  key("revoked", 401, "UNAUTHENTICATED"),
  key("acme/spelling", 403, "FORBIDDEN"),
  made("headers: unknown headers and an unknown API version are ignored", ["headers X-Noukai-API-Version"], [
    exchange(
      post(sample("hello-world", "execute"), { message: "hi" }, {
        headers: { "x-noukai-api-version": "1999-01-01", "x-other": "1", accept: "application/json" }
      }),
      ok({ status: "completed" })
    )
  ]),
  made("endpoints: a method that a path does not have: 405", ["endpoints method"], [
    exchange(get(sample("hello-world", "execute")), { status: 405 })
  ]),
  made("endpoints: a path that is not there: 404", ["endpoints path", "codes NOT_FOUND"], [
    exchange(get("/nothing"), { status: 404 })
  ]),
  made("keys: keys/verify says whose key it is", ["keys keys/verify"], [
    exchange(
      get("/keys/verify", { as: "noukai/samples" }),
      ok({ keyId: "conform0", org: "noukai", project: "samples" })
    )
  ])
]
