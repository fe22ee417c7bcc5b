/** Pages under test: an emulator with flows for them, servers of each kind, and a reader of their streams. */
import { flowPage as expressPage } from "@effect-noukai/adapters/express"
import type { Chunk, Limits, PageHandlerOptions, Turn, Turns } from "@effect-noukai/adapters/Page"
import * as Platform from "@effect-noukai/adapters/platform"
import { flowPage as webPage } from "@effect-noukai/adapters/web"
import { type EmulatorOptions, type Flow, type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import { defineTool, Noukai } from "@effect-noukai/promise"
import { Noukai as Sdk, Tools } from "@effect-noukai/sdk"
import * as HttpApp from "@effect/platform/HttpApp"
import { Effect, ManagedRuntime, Redacted, Schema } from "effect"
import express5 from "express"
import express4 from "express4"
import { afterAll, assert, beforeAll, vi } from "vitest"
import { listen, listenWeb } from "./listen.js"
import { Gate, plantedKey } from "./world.js"

export const plantedCost = "0.0777"

/** The flows of pages. `gated` waits for the gate in its second step. */
const flows = (gate: Gate): ReadonlyArray<Flow> => [
  {
    ref: "acme/support/chat",
    steps: [
      {
        kind: "template",
        id: "look",
        name: "Look it up",
        output: { internal: "planted-output" },
        costUsd: plantedCost
      },
      {
        kind: "template",
        id: "say",
        output: "You said: {{message}}",
        partials: ["You", "You said", "You said: {{message}}"],
        costUsd: plantedCost
      }
    ]
  },
  {
    ref: "acme/support/form",
    steps: [{ kind: "template", id: "score", output: { score: 9, of: "{{parameters.topic}}" }, costUsd: plantedCost }]
  },
  {
    ref: "acme/support/tools",
    steps: [
      {
        kind: "tool",
        id: "ask",
        rounds: [[{ name: "get_weather", arguments: { city: "Lisbon" } }, {
          name: "confirm",
          arguments: { text: "Sure?" }
        }]],
        output: "{{tools.get_weather}}, {{tools.confirm}}",
        costUsd: plantedCost
      }
    ]
  },
  {
    ref: "acme/support/server",
    steps: [
      {
        kind: "tool",
        id: "ask",
        rounds: [[{ name: "get_weather", arguments: { city: "Lisbon" } }], [{
          name: "get_weather",
          arguments: { city: "Rome" }
        }]],
        output: "{{tools.get_weather}}"
      }
    ]
  },
  {
    ref: "acme/support/twice",
    steps: [
      {
        kind: "tool",
        id: "ask",
        rounds: [[{ id: "c", name: "confirm", arguments: { text: "A?" } }], [{
          id: "c",
          name: "confirm",
          arguments: { text: "B?" }
        }]],
        output: "{{results}}"
      }
    ]
  },
  {
    ref: "acme/support/unfit",
    steps: [
      { kind: "tool", id: "ask", rounds: [[{ name: "confirm", arguments: { wrong: 1 } }]], output: "{{tools.confirm}}" }
    ]
  },
  {
    ref: "acme/support/gated",
    steps: [
      { kind: "template", id: "first", output: "{{message}} one" },
      {
        kind: "function",
        id: "second",
        costUsd: plantedCost,
        run: async ({ message }) => gate.pass().then(() => `${message} two`)
      },
      { kind: "template", id: "third", output: "{{input}}!" }
    ]
  },
  {
    ref: "acme/support/failing",
    steps: [{ kind: "fail", id: "break", code: "MODEL_OVERLOADED", message: "planted-input is too long" }]
  },
  {
    ref: "acme/support/digits",
    steps: [{ kind: "template", id: "say", output: { id: "{{parameters.id}}" } }]
  },
  {
    ref: "acme/support/loop",
    steps: [
      { kind: "loop", id: "each", times: 2, steps: [{ kind: "template", id: "part", output: "part {{loop.index}}" }] },
      { kind: "template", id: "say", output: "done" }
    ]
  }
]

/** An emulator for the tests of a file. */
export const withPages = (options: EmulatorOptions = {}) => {
  const gate = new Gate()
  const world: { emulator?: RunningEmulator } = {}
  const clients: Array<Noukai> = []
  const closers: Array<() => Promise<void>> = []
  const lines: Array<string> = []
  beforeAll(async () => {
    world.emulator = await startEmulator({
      flows: flows(gate),
      keys: [{ key: plantedKey, org: "acme", project: "support" }],
      organisations: { acme: { capture: "full" } },
      ...options
    })
    for (const level of ["log", "info", "warn", "error", "debug"] as const) {
      vi.spyOn(console, level).mockImplementation((...args) => void lines.push(args.join(" ")))
    }
  })
  afterAll(async () => {
    gate.open()
    for (const close of closers) await close()
    for (const client of clients) await client.close()
    await world.emulator?.close()
    vi.restoreAllMocks()
    assert.notInclude(lines.join("\n"), plantedKey)
  })
  const emulator = (): RunningEmulator => world.emulator ?? assert.fail("the emulator has not started")
  const client = (more: object = {}): Noukai => {
    const made = new Noukai({ apiKey: plantedKey, env: "dev", port: emulator().port, maxRetries: 0, ...more })
    clients.push(made)
    return made
  }
  return {
    gate,
    emulator,
    client,
    lines,
    closers,
    /** How many runs have been started. */
    runs: () => emulator().ledger().runsStarted
  }
}

export type Pages = ReturnType<typeof withPages>

interface User {
  readonly id: string
}

/** The user of a request: `anna`, or the one that a header names. */
const userOf = (name: string | null | undefined): User | false => name === "nobody" ? false : { id: name ?? "anna" }

/** Options that all servers have. */
export interface PageSetup extends Partial<Limits> {
  readonly client?: Noukai
  readonly flow: string
}

export const confirmParameters = Schema.Struct({ text: Schema.String })
export const confirmResult = Schema.Struct({ yes: Schema.Boolean })

const clientTools = { confirm: { parameters: confirmParameters, result: confirmResult } }

export const weatherCalls: Array<string> = []

const weatherTool = defineTool({
  name: "get_weather",
  parameters: Schema.Struct({ city: Schema.String }),
  run: ({ city }) => {
    weatherCalls.push(city)
    return `18 °C in ${city}`
  }
})

const usesTools = (flow: string): boolean => /\/(tools|server|twice|unfit)$/.test(flow)

export const optionsOf = (pages: Pages, setup: PageSetup) => ({
  client: pages.client(),
  owner: (user: User) => user.id,
  ...usesTools(setup.flow) && { serverTools: [weatherTool], clientTools },
  ...setup
})

/** A server of a page: each kind, as its users write it. */
export interface PageServer {
  readonly name: string
  readonly start: (pages: Pages, setup: PageSetup) => Promise<string>
}

const opened = async (pages: Pages, app: Promise<{ readonly url: string; readonly close: () => Promise<void> }>) => {
  const { close, url } = await app
  pages.closers.push(close)
  return `${url}/api/chat`
}

const none = async () => {}

export const web: PageServer = {
  name: "web",
  start: (pages, setup) => {
    const { DELETE, GET, POST } = webPage({
      ...optionsOf(pages, setup),
      authorize: (request: Request) => userOf(request.headers.get("x-user"))
    })
    const handle = (request: Request) =>
      request.method === "GET" ? GET(request) : request.method === "DELETE" ? DELETE(request) : POST(request)
    return opened(pages, listenWeb(handle, none))
  }
}

const onExpress = (name: string, make: typeof express5, parsed: boolean): PageServer => ({
  name,
  start: (pages, setup) => {
    const app = make()
    if (parsed) app.use(make.json())
    app.use(
      "/api/chat",
      expressPage({
        ...optionsOf(pages, setup),
        authorize: (request) => userOf(request.headers["x-user"] as string | undefined)
      })
    )
    return opened(pages, listen(app, none))
  }
})

export const express = onExpress("Express 5", express5, false)

export const platform: PageServer = {
  name: "platform",
  start: async (pages, setup) => {
    const runtime = ManagedRuntime.make(
      Sdk.layer({ apiKey: Redacted.make(plantedKey), env: "dev", port: pages.emulator().port, maxRetries: 0 })
    )
    const weather = Tools.tool({
      name: "get_weather",
      parameters: Schema.Struct({ city: Schema.String }),
      handler: ({ city }) =>
        Effect.sync(() => {
          weatherCalls.push(city)
          return `18 °C in ${city}`
        })
    })
    const app = await runtime.runPromise(Platform.flowPage({
      ...setup,
      authorize: (request) => Effect.succeed(userOf(request.headers["x-user"])),
      owner: (user) => user.id,
      ...usesTools(setup.flow) && { serverTools: Tools.make(weather), clientTools }
    }))
    const handle = HttpApp.toWebHandlerRuntime(await runtime.runtime())(app)
    return opened(pages, listenWeb((request) => handle(request), () => runtime.dispose()))
  }
}

export const servers: ReadonlyArray<PageServer> = [
  web,
  express,
  onExpress("Express 4 behind a parser", express4 as unknown as typeof express5, true),
  platform
]

/** The frames of a stream, and all of its bytes. */
export interface Read {
  readonly chunks: ReadonlyArray<Chunk>
  readonly text: string
  readonly isDone: boolean
}

export const parse = (text: string): Read => {
  const data = text.split("\n\n").filter((frame) => frame.startsWith("data: ")).map((frame) => frame.slice(6))
  return {
    chunks: data.filter((one) => one !== "[DONE]").map((one) => JSON.parse(one) as Chunk),
    text,
    isDone: data.at(-1) === "[DONE]"
  }
}

export const read = async (response: Response): Promise<Read> => {
  const text = await response.text()
  assert.strictEqual(response.status, 200, text)
  return parse(text)
}

/** A message of the user. */
export const user = (id: string, text: string) => ({ id, role: "user", parts: [{ type: "text", text }] })

/** The message of the assistant with the results of tools. */
export const answered = (id: string, results: ReadonlyArray<readonly [toolCallId: string, output: unknown]>) => ({
  id,
  role: "assistant",
  parts: results.map(([toolCallId, output]) => ({
    type: "tool-confirm",
    toolCallId,
    state: "output-available",
    input: {},
    output
  }))
})

export const post = (url: string, id: string, messages: ReadonlyArray<unknown>, more: object = {}): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id, messages, trigger: "submit-message", ...more })
  })

export const resume = (url: string, id: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/${encodeURIComponent(id)}/stream`, { headers })

export const cancel = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/${encodeURIComponent(id)}`, { method: "DELETE" })

/** The text that a page shows. */
export const textOf = ({ chunks }: Read): string =>
  chunks.flatMap((chunk) => chunk.type === "text-delta" ? [chunk.delta] : []).join("")

export const idOf = ({ chunks }: Read): string => {
  const [start] = chunks
  return start?.type === "start" ? start.messageId : assert.fail(`no start: ${JSON.stringify(chunks)}`)
}

/** A store that several servers share. */
export const sharedTurns = (now = () => Date.now()): Turns & { readonly claims: Array<string> } => {
  const chats = new Map<string, { turn: string; holder: string; until: number }>()
  const claims: Array<string> = []
  return {
    claims,
    latest: async (chat): Promise<Turn | undefined> => {
      const found = chats.get(chat)
      return found && { turn: found.turn, held: found.until > now() }
    },
    claim: async ({ chat, holder, lease, turn }) => {
      const found = chats.get(chat)
      if (found !== undefined && found.holder !== holder && found.until > now()) return false
      claims.push(turn)
      chats.set(chat, { turn, holder, until: now() + lease })
      return true
    }
  }
}

export type Options = PageHandlerOptions<Request, false | User>
