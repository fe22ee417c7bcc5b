/** The error of a job, as text. */
import { assert, it } from "vitest"
import { ownEmulator } from "./support/ownEmulator.js"

const { client } = ownEmulator()

const big = "12345678901234567890"

for (const error of [big, `{"code":"A","id":${big},"list":[${big}]}`]) {
  it(`keeps the numbers of ${error}`, async () => {
    const body = `{"executionId":"ex-1","status":"failed","error":${error}}`
    const fetch = async () => new Response(body, { headers: { "content-type": "application/json" } })
    const status = await client({ fetch }).flow("a/b/c").job("ex-1").poll()
    assert.deepStrictEqual([status.status, status.error], ["failed", error])
  })
}
