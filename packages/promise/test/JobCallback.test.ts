/** Jobs with a webhook: what is sent, and that the webhook wakes the wait. */
import { InvalidRequestError, Noukai } from "@effect-noukai/promise"
import { nudges, verify, WebhookError } from "@effect-noukai/promise/webhook"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { afterAll, assert, beforeAll, beforeEach, it } from "vitest"

const url = "https://me.example/hooks"

let bodies: Array<{ readonly callbackUrl: string }> = []
let polls = 0

const answer = async (request: Http.IncomingMessage, response: Http.ServerResponse) => {
  const body = await text(request)
  const isPost = request.method === "POST"
  if (isPost) bodies.push(JSON.parse(body) as { readonly callbackUrl: string })
  else if (request.url?.includes("/jobs/") === true) polls++
  const isSession = request.url?.includes("/seq/sessions/") === true
  response.writeHead(isSession ? 404 : isPost ? 202 : 200, { "content-type": "application/json" })
  response.end(JSON.stringify(
    isSession
      ? { detail: { code: "SESSION_NOT_FOUND", message: "no" } }
      : isPost
      ? { executionId: `ex_${bodies.length}`, status: "started" }
      : { executionId: request.url?.split("/").at(-1), status: "completed", result: 7 }
  ))
}

const server = Http.createServer((request, response) => void answer(request, response))

let client: Noukai

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  client = new Noukai({ apiKey: `nk_test_${"a".repeat(32)}`, env: "dev", port, maxRetries: 0 })
})

beforeEach(() => {
  bodies = []
  polls = 0
})

afterAll(async () => {
  await client.close()
  await new Promise((resolve) => server.close(resolve))
})

const keyOf = (n: number) => new URL(bodies[n]!.callbackUrl).searchParams.get("job")!

it("the webhook wakes the wait of its job, which is polled once", async () => {
  const inbox = nudges()
  const flow = client.flow("acme/test/a")
  const callback = { url, nudges: inbox }
  const jobs = [
    await flow.executeAsync({ message: "hi", callback }),
    await flow.submitOnce("key", { message: "hi", callback })
  ]
  for (const [n, job] of jobs.entries()) {
    const waiting = job.wait()
    await new Promise(setImmediate)
    assert.strictEqual(polls, n)
    await inbox.onEvent({ job: keyOf(n) })
    const ended = await waiting
    assert.strictEqual(ended.status === "completed" ? ended.result : undefined, 7)
  }
  assert.strictEqual(polls, 2)
})

it("the webhooks of many jobs wake their polls", async () => {
  const inbox = nudges()
  const flow = client.flow("acme/test/a")
  const jobs = [await flow.executeAsync({ callback: { url, nudges: inbox } })]
  for (let n = 1; n < 5; n++) jobs.push(await flow.executeAsync({ message: "hi", callback: { url, nudges: inbox } }))
  for (const n of jobs.keys()) await inbox.onEvent({ job: keyOf(n) })
  const ended: Array<string> = []
  for await (const { job, status } of client.waitAll(jobs)) ended.push(`${job.executionId} ${status?.status}`)
  assert.deepStrictEqual(ended.sort(), jobs.map(({ executionId }) => `${executionId} completed`))
  assert.strictEqual(polls, 5)
})

it("a webhook that is wrong is refused before anything is sent, and only the queue takes one", async () => {
  const flow = client.flow("acme/test/a")
  const inputs: ReadonlyArray<readonly [given: unknown, field: string]> = [
    [{ callback: { url: "hooks" } }, "callback.url"],
    [{ callback: { urL: url } }, "callback.urL"],
    [{ callback: { url, nudges: {} } }, "callback.nudges"],
    [{ callback: url }, "callback"]
  ]
  const refused = async (call: Promise<unknown>, field: string) => {
    const error = await call.then(() => assert.fail("taken"), (error: unknown) => error)
    assert.instanceOf(error, InvalidRequestError)
    assert.strictEqual(error.field, field)
  }
  for (const [given, field] of inputs) {
    await refused(flow.executeAsync(given as never), field)
    await refused(flow.submitOnce("key", given as never), field)
  }
  await refused(flow.execute({ callback: { url } } as never), "callback")
  await refused(flow.executeOnce("key", { callback: { url } } as never), "callback")
  assert.deepStrictEqual(bodies, [])
})

it("verifies as the sdk does", async () => {
  const error = await verify(new Uint8Array(), () => null, { secrets: "whsec_a" }).catch((error: unknown) => error)
  assert.instanceOf(error, WebhookError)
  assert.strictEqual(error.code, "NO_SIGNATURE")
})
