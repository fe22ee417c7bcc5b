/** What is the web handlers' alone: responses that are none, bodies that are taken, streams that do not let go. */
import { trace } from "@effect-noukai/adapters/web"
import { Noukai } from "@effect-noukai/promise"
import { afterEach, assert, beforeEach, describe, it } from "vitest"

let scopes: Array<string> = []
let client: Noukai

beforeEach(() => {
  scopes = []
  client = new Noukai({
    apiKey: "nk_test_unused",
    env: "dev",
    port: 9,
    onLog: ({ phase }) => scopes.push(phase)
  })
})

afterEach(() => client.close())

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => assert.fail("resolved"), (error: unknown) => error)

const taken = () => {
  const response = new Response("text")
  response.body!.getReader()
  return response
}

describe("10.8: the scope is closed", () => {
  const handlers: { readonly [name: string]: () => Response } = {
    "when a handler gives no response": () => undefined as never,
    "when the body of the response is taken": taken,
    "when a handler throws": () => {
      throw new Error("mine")
    }
  }
  for (const [name, handler] of Object.entries(handlers)) {
    it(name, async () => {
      assert.instanceOf(await rejection(trace(handler, { client })(new Request("http://app/"))), Error)
      assert.deepStrictEqual(scopes, ["scope_open", "scope_close"])
    })
  }
})

it("the answer to a HEAD does not wait for a body that does not let go", async () => {
  const body = new ReadableStream<Uint8Array>({ cancel: () => new Promise(() => {}) })
  const handler = trace(() => new Response(body, { headers: { etag: "a" } }), { client })
  const response = await handler(new Request("http://app/", { method: "HEAD" }))
  assert.deepStrictEqual([response.status, response.headers.get("etag"), response.body], [200, "a", null])
  assert.deepStrictEqual(scopes, ["scope_open", "scope_close"])
})
