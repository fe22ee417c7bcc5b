/** `flow.execute` (5, 6, 11, 12). */
import express from "express"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import {
  answers,
  hello,
  outcome,
  type Parsed,
  seen,
  tools,
  twoStep,
  twoTools,
  weather,
  type World
} from "../support/world.js"
import { type Behaviour, differs, same } from "./Behaviour.js"

type Execute = Parameters<ReturnType<ReturnType<World["client"]>["flow"]>["execute"]>[0]

const execute = (world: World, flow: string, options: Execute = { message: "hi" }) =>
  outcome(world, () => world.client().flow(flow).execute(options))

/** With a fault on the next request, and what the emulator was billed for it. */
const faulty = async (world: World, fault: string, options: Parameters<World["client"]>[0] = { maxRetries: 0 }) => {
  world.emulator.addFaults({ script: [fault] })
  const result = await outcome(world, () => world.client(options).flow(hello).execute({ message: "hi" }))
  const { requestsReceived, runsStarted } = world.emulator.ledger()
  return { ...result, requestsReceived, runsStarted }
}

const statuses = ["401", "402", "403", "404", "409:STALE_TREE", "413", "400:TOOLS_INVALID", "500", "502", "503", "504"]

/** The name of an error that no response made, without its other fields. */
const name = async (attempt: Promise<Parsed>): Promise<unknown> => {
  const { rejected, requestsReceived, runsStarted } = await attempt
  return { name: rejected?.name, noukai: rejected?.noukai, requestsReceived, runsStarted }
}

/** The status for the caller of an Express app that runs a flow and has no error handler. */
const served = async (run: () => Promise<unknown>): Promise<number> => {
  const app = express()
  app.set("env", "test") // it logs nothing
  app.get("/", async (_request, response) => void response.json(await run()))
  const server = app.listen(0, "127.0.0.1")
  try {
    await once(server, "listening")
    return (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).status
  } finally {
    server.close()
  }
}

const hang = (world: World, signal: AbortSignal) =>
  outcome(world, () => world.client().flow("noukai/tests/slow").execute({ message: "hi", signal }))

export const execution: ReadonlyArray<Behaviour> = [
  same("results: a completed run", (world) => execute(world, hello)),
  same("the result has these keys, and no others in JSON", async (world) => {
    const result = await world.client().flow(hello).execute({ message: "hi" })
    return [Object.keys(result).sort(), JSON.stringify(result).length, result.requiresToolCalls]
  }),
  same("results: a failed run resolves", (world) => execute(world, "noukai/tests/failing")),
  same("parameters, trace and overrides are taken", (world) =>
    execute(world, "noukai/tests/inputs", {
      message: "hi",
      parameters: { difficulty: "hard", note: null },
      blockOverrides: { first: { temperature: 0.5 } },
      trace: true
    })),
  same("attachments are taken", (world) =>
    execute(world, hello, {
      message: "hi",
      attachments: [{ kind: "url", url: "https://img.example.com/dog.png", mime_type: "image/png" }]
    })),
  same("attachments may say mimeType", (world) =>
    execute(world, hello, {
      message: "hi",
      attachments: [{ url: "https://img.example.com/dog.png", mimeType: "image/png" }]
    })),
  differs(
    "attachments on the wire",
    "attachments: what is sent of attachments",
    {
      reference: [
        { url: "https://img.example.com/dog.png", mimeType: "image/png", filename: "dog.png" },
        { kind: "url", url: "https://img.example.com/cat.png", mime_type: "image/png" }
      ],
      ours: [
        { kind: "url", url: "https://img.example.com/dog.png", mime_type: "image/png", filename: "dog.png" },
        { kind: "url", url: "https://img.example.com/cat.png", mime_type: "image/png" }
      ]
    },
    async (world) => {
      await execute(world, hello, {
        message: "hi",
        attachments: [
          { url: "https://img.example.com/dog.png", mimeType: "image/png", filename: "dog.png" },
          { kind: "url", url: "https://img.example.com/cat.png", mime_type: "image/png" }
        ]
      })
      return JSON.parse(world.emulator.ledger().requests[0]!.body).attachments
    }
  ),
  same("no options at all", (world) => outcome(world, () => world.client().flow("noukai/tests/loop").execute())),
  ...statuses.map((status) => same(`statuses: ${status}`, (world) => faulty(world, status))),
  same("429 with seconds", (world) => faulty(world, "429:retry=7")),
  differs(
    "messages",
    "422 with a list",
    { reference: "[object Object]", ours: "A fault that was asked for." },
    async (world) => (await faulty(world, "422:list") as Parsed).rejected.message
  ),
  differs(
    "messages",
    "500 with a text",
    { reference: "[object Object]", ours: "A fault that was asked for." },
    async (world) => (await faulty(world, "500:text") as Parsed).rejected.message
  ),
  differs(
    "retryAfter",
    "429 with something that is no number",
    { reference: Number.NaN, ours: undefined },
    async (world) => (await faulty(world, "429:retry=tomorrow") as Parsed).rejected.retryAfter
  ),
  differs(
    "servers",
    "a refused key, to the caller of an Express app",
    { reference: 401, ours: 500 },
    (world) => {
      world.emulator.addFaults({ script: ["401"] })
      return served(() => world.client({ maxRetries: 0 }).flow(hello).execute({ message: "hi" }))
    }
  ),
  differs(
    "retries",
    "a 503 on a post, by default",
    { reference: [2, "value"], ours: [1, "FlowExecutionError"] },
    async (world) => {
      const { rejected, requestsReceived } = await faulty(world, "503", {}) as Parsed
      return [requestsReceived, rejected?.name ?? "value"]
    }
  ),
  differs(
    "malformed",
    "a 200 with a page",
    { reference: { name: "TypeError", noukai: false }, ours: { name: "UnexpectedResponseError", noukai: true } },
    async (world) => {
      const { name, noukai } = (await faulty(world, "html") as Parsed).rejected
      return { name, noukai }
    }
  ),
  differs(
    "malformed",
    "an empty 200",
    { reference: "an empty object", ours: "UnexpectedResponseError" },
    async (world) => {
      const { rejected, value } = await faulty(world, "empty") as Parsed
      return rejected?.name ?? (Object.keys(value).length === 0 ? "an empty object" : value)
    }
  ),
  same("statuses: a connection that is reset", (world) => name(faulty(world, "reset"))),
  same("time-limits: a timeout of the call", async (world) => {
    const result = await outcome(
      world,
      () => world.client().flow("noukai/tests/slow").execute({ message: "hi", timeout: 20 })
    ) as Parsed
    return [result.rejected.name, result.rejected.noukai]
  }),
  same("time-limits: a timeout of the client", async (world) => {
    const noukai = world.client({ timeout: 20 })
    const result = await outcome(world, () => noukai.flow("noukai/tests/slow").execute({ message: "hi" })) as Parsed
    return [result.rejected.name, result.rejected.noukai]
  }),
  differs(
    "infinity",
    "time-limits: a timeout without an end",
    { reference: "APITimeoutError", ours: "completed" },
    async (world) => {
      const { rejected, value } = await execute(world, hello, { message: "hi", timeout: Infinity }) as Parsed
      return rejected?.name ?? value.status
    }
  ),
  differs(
    "abort",
    "a signal that is aborted before the call",
    { reference: ["APIConnectionError", 0], ours: ["stop", 0] },
    async (world) => {
      const { rejected } = await hang(world, AbortSignal.abort("stop")) as Parsed
      return [rejected.name ?? rejected, world.emulator.ledger().requestsReceived]
    }
  ),
  differs(
    "abort",
    "a signal that is aborted during the call",
    { reference: "APIConnectionError", ours: "stop" },
    async (world) => {
      const controller = new AbortController()
      const call = hang(world, controller.signal)
      while (world.emulator.ledger().runsStarted === 0) await new Promise((resolve) => setImmediate(resolve))
      controller.abort("stop")
      const { rejected } = await call as Parsed
      return rejected.name ?? rejected
    }
  ),

  same("addresses: the production version by default, and a published one by number", async (world) => [
    await execute(world, "noukai/tests/versions"),
    await execute(world, "noukai/tests/versions", { message: "hi", version: 1 }),
    seen(world)
  ]),
  differs(
    "draft",
    "version draft",
    { reference: { version: 2 }, ours: { version: "draft" } },
    async (world) =>
      ((await execute(world, "noukai/tests/versions", { message: "hi", version: "draft" })) as Parsed).value.result
  ),
  differs(
    "production",
    "version production",
    { reference: "Error", ours: { version: 2 } },
    async (world) => {
      const { rejected, value } = await execute(world, "noukai/tests/versions", {
        message: "hi",
        version: "production"
      }) as Parsed
      return rejected?.name ?? value.result
    }
  ),
  differs(
    "versions",
    "versions that are none",
    {
      reference: ["POST /seq/noukai/tests/versions/v-1/execute", "POST /seq/noukai/tests/versions/v1.5/execute"],
      ours: []
    },
    async (world) => {
      await execute(world, "noukai/tests/versions", { message: "hi", version: -1 })
      await execute(world, "noukai/tests/versions", { message: "hi", version: 1.5 })
      return seen(world)
    }
  ),

  same("scopes: a session id of the call, and of the client", async (world) => {
    const [a, b] = ["5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01", "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c02"]
    const noukai = world.client({ sessionId: a })
    return [
      await noukai.flow(hello).execute({ message: "hi" }),
      await noukai.flow(hello).execute({ message: "hi", sessionId: b }),
      world.emulator.ledger().runs.map((run) => run.sessionId)
    ]
  }),

  same("tool-results: a handler answers", async (world) => {
    const asked: Array<unknown> = []
    const result = await execute(world, weather, {
      message: "Lisbon?",
      tools,
      toolHandler: async (calls) => {
        asked.push(calls)
        return answers(calls)
      }
    })
    return [asked, result, world.emulator.ledger().runsStarted]
  }),
  same("tool-results: several calls in one round, answered in another order", async (world) => [
    await execute(world, "noukai/tests/two-tools", {
      message: "hi",
      tools: twoTools,
      toolHandler: (calls) => answers(calls).reverse()
    })
  ]),
  same("tool-results: a pause by hand", async (world) => {
    const flow = world.client().flow(weather)
    const paused = await flow.execute({ message: "Lisbon?", tools }) as Parsed
    return [
      paused,
      Object.keys(paused).sort(),
      paused.requiresToolCalls,
      await outcome(world, () => paused.resume({ toolResults: answers(paused.toolCalls) }))
    ]
  }),
  same("what a handler throws is what the call rejects with", async (world) => {
    class Mine extends Error {
      override name = "Mine"
    }
    return [
      await execute(world, weather, {
        message: "Lisbon?",
        tools,
        toolHandler: () => {
          throw new Mine("sync")
        }
      }),
      await execute(world, weather, {
        message: "Lisbon?",
        tools,
        toolHandler: () => Promise.reject(new Mine("async"))
      }),
      await execute(world, weather, { message: "Lisbon?", tools, toolHandler: () => Promise.reject("a string") })
    ]
  }),
  same("tool-results: the limit of rounds", async (world) => {
    let rounds = 0
    const result = await execute(world, "noukai/tests/forever", {
      message: "hi",
      tools,
      maxToolRounds: 2,
      toolHandler: (calls) => {
        rounds++
        return answers(calls)
      }
    })
    return [rounds, result]
  }),
  differs(
    "rounds",
    "maxToolRounds 0",
    { reference: 10, ours: 0 },
    async (world) => {
      let rounds = 0
      await execute(world, "noukai/tests/forever", {
        message: "hi",
        tools,
        maxToolRounds: 0,
        toolHandler: (calls) => {
          rounds++
          return answers(calls)
        }
      })
      return rounds
    }
  ),
  differs(
    "results",
    "tool-results: results that do not answer the calls",
    { reference: ["FlowExecutionError", 2], ours: ["InvalidRequestError", 1] },
    async (world) => {
      const { rejected } = await execute(world, weather, {
        message: "Lisbon?",
        tools,
        toolHandler: () => [{ role: "tool", tool_call_id: "another", content: "sunny" }]
      }) as Parsed
      return [rejected.name, world.emulator.ledger().requestsReceived]
    }
  ),
  differs(
    "output",
    "results as the README of the reference writes them",
    { reference: "FlowExecutionError", ours: "The weather, as get_weather says: sunny" },
    async (world) => {
      const { rejected, value } = await execute(world, weather, {
        message: "Lisbon?",
        tools,
        toolHandler: (calls) => calls.map((call) => ({ tool_call_id: call.id, output: "sunny" }))
      }) as Parsed
      return rejected?.name ?? value.result.text
    }
  ),
  differs(
    "resumed session",
    "the session id after a tool round",
    { reference: undefined, ours: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01" },
    async (world) =>
      ((await execute(world, weather, {
        message: "Lisbon?",
        tools,
        toolHandler: answers,
        sessionId: "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"
      })) as Parsed).value.sessionId
  ),
  differs(
    "unasked pause",
    "a pause that nobody asked for",
    { reference: "tool_calls_required", ours: "UnexpectedResponseError" },
    async (world) => {
      const { rejected, value } = await execute(world, weather, { message: "Lisbon?" }) as Parsed
      return rejected?.name ?? value.status
    }
  ),
  differs(
    "checks",
    "what the server would refuse is refused before it is sent",
    { reference: ["FlowExecutionError", 1], ours: ["InvalidRequestError", 0] },
    async (world) => {
      const { rejected } = await execute(world, weather, {
        message: "Lisbon?",
        tools: [{ type: "function", function: { name: "no spaces allowed" } }]
      }) as Parsed
      return [rejected?.name, world.emulator.ledger().requestsReceived]
    }
  ),
  differs(
    "checks",
    "json: parameters that are no JSON",
    { reference: ["TypeError", "TypeError", 0], ours: ["InvalidRequestError", "InvalidRequestError", 0] },
    async (world) => {
      const cycle: Record<string, unknown> = {}
      cycle.self = cycle
      const cyclic = await execute(world, hello, { message: "hi", parameters: cycle }) as Parsed
      const big = await execute(world, hello, { message: "hi", parameters: { n: 1n } }) as Parsed
      return [cyclic.rejected.name, big.rejected.name, world.emulator.ledger().requestsReceived]
    }
  ),
  differs(
    "checks",
    "tool-results: a number of rounds below 0",
    { reference: 1, ours: 0 },
    async (world) => {
      await execute(world, weather, { message: "hi", tools, toolHandler: answers, maxToolRounds: -1 })
      return world.emulator.ledger().runsStarted
    }
  ),
  differs(
    "conversations",
    "messages: messages",
    { reference: "FlowExecutionError", ours: "Hello! You said: and now?" },
    async (world) => {
      const { rejected, value } = await execute(world, hello, {
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", content: "Hello!" },
          { role: "user", content: "and now?" }
        ]
      }) as Parsed
      return rejected?.name ?? value.result.text
    }
  ),
  same(
    "a step that fails with a status",
    (world) =>
      outcome(world, () => world.client({ maxRetries: 0 }).flow("noukai/tests/fails-second").execute({ message: "hi" }))
  ),
  differs(
    "execution ids",
    "statuses: the execution id of an error from the server",
    { reference: undefined, ours: "the server's" },
    async (world) => {
      const error = await world.client({ maxRetries: 0 }).flow("noukai/tests/fails-second").execute({ message: "hi" })
        .catch((error: unknown) => error) as Parsed
      return error.executionId === error.responseBody.detail.executionId ? "the server's" : error.executionId
    }
  ),
  same("the stack of an error names who called", async (world) => {
    const whoCalls = async () => {
      await world.client().flow("noukai/tests/nothing").execute({ message: "hi" })
    }
    const whoLoops = async () => {
      for await (const _ of world.client().flow("noukai/tests/nothing").events({ message: "hi" })) await null
    }
    const whoReads = async () => {
      await world.client().flow(hello).run("ex-0").trace()
    }
    const named = async (call: () => Promise<void>, name: string) => {
      const error = await call().catch((error: unknown) => error)
      return (error as Error).stack!.includes(name)
    }
    return [await named(whoCalls, "whoCalls"), await named(whoLoops, "whoLoops"), await named(whoReads, "whoReads")]
  }),
  same("two steps", (world) => execute(world, twoStep))
]
