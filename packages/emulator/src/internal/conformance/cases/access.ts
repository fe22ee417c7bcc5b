/**
 * Cases of versions, keys and paths.
 *
 * @see contract 1 to 4, 14
 */
import type { ConformanceCase } from "../../../ConformanceCase.js"
import { any, exchange, fixture, get, made, ok, post, refusal, sample } from "../caseParts.js"

const version = (segment: string, expected: string): ConformanceCase =>
  made(`3.1: versions${segment}/execute runs ${expected}`, [`3.1 ${segment === "" ? "plain path" : segment}`], [
    exchange(post(fixture(`versions${segment}`, "execute"), {}), ok({ status: "completed", result: expected }))
  ])

const key = (as: string, status: number, code: string): ConformanceCase =>
  made(`16.1: a call with the key of ${as}: ${status} ${code}`, [`16.1 ${status}`, `11.2 ${status}`, `11.3 ${code}`], [
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
  made("3.1: a version that is not there: 404 FLOW_NOT_FOUND", ["3.1 unknown version", "11.3 FLOW_NOT_FOUND"], [
    exchange(post(fixture("versions/v9", "execute"), {}), refusal(404, "FLOW_NOT_FOUND"))
  ]),
  made("3.1: without a published version the plain path runs the draft", ["3.1 fallback"], [
    exchange(post(sample("hello-world", "execute"), { message: "hi" }), ok({ status: "completed" }))
  ]),
  key("none", 401, "UNAUTHENTICATED"),
  key("malformed", 401, "UNAUTHENTICATED"),
  key("unknown", 401, "UNAUTHENTICATED"),
  key("revoked", 401, "UNAUTHENTICATED"),
  key("acme/spelling", 403, "FORBIDDEN"),
  made("2.5: unknown headers and an unknown API version are ignored", ["2.1 X-Noukai-API-Version"], [
    exchange(
      post(sample("hello-world", "execute"), { message: "hi" }, {
        headers: { "x-noukai-api-version": "1999-01-01", "x-other": "1", accept: "application/json" }
      }),
      ok({ status: "completed" })
    )
  ]),
  made("4: a method that a path does not have: 405", ["4 method"], [
    exchange(get(sample("hello-world", "execute")), { status: 405 })
  ]),
  made("4: a path that is not there: 404", ["4 path", "11.3 NOT_FOUND"], [
    exchange(get("/nothing"), { status: 404 })
  ]),
  made("14: keys/verify says whose key it is", ["14 keys/verify"], [
    exchange(
      get("/keys/verify", { as: "noukai/samples" }),
      ok({ keyId: "conform0", org: "noukai", project: "samples" })
    )
  ])
]
