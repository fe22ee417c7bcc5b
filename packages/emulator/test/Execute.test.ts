import { Emulator, type Flow, samples } from "@effect-noukai/emulator"
import { layer } from "@effect-noukai/emulator/Emulator"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, type Parsed } from "./client.js"

const hello = "/seq/noukai/samples/hello-world/execute"

const flows: ReadonlyArray<Flow> = [
  ...samples,
  {
    ref: "acme/test/echo",
    steps: [{
      kind: "template",
      id: "echo",
      output: { message: "{{message}}", parameters: "{{parameters}}", messages: "{{messages}}" }
    }]
  },
  { ref: "acme/test/no-message", needsMessage: false, steps: [{ kind: "template", id: "a", output: "fixed" }] },
  { ref: "acme/test/blind", vision: false, steps: [{ kind: "template", id: "a", output: "seen" }] },
  { ref: "acme/test/empty", steps: [] },
  { ref: "acme/test/broken", broken: "two blocks have no edge", steps: [{ kind: "template", id: "a", output: 1 }] },
  {
    ref: "acme/test/failing",
    steps: [
      { kind: "template", id: "a", output: 1, costUsd: "0.1" },
      { kind: "fail", id: "b", code: "BYOK_KEY_REJECTED", message: "refused upstream", status: 502 }
    ]
  },
  { ref: "acme/test/failing-200", steps: [{ kind: "fail", id: "b", code: "MODEL_REFUSED", message: "no" }] },
  {
    ref: "acme/test/computed",
    steps: [
      { kind: "function", id: "length", run: ({ message }) => Effect.succeed(message?.length ?? 0) },
      { kind: "function", id: "double", run: ({ input }) => Promise.resolve(Number(input) * 2) },
      {
        kind: "function",
        id: "checked",
        run: ({ input }) => input === 0 ? Effect.fail({ code: "ZERO", message: "zero", status: 400 }) : input
      }
    ]
  },
  {
    ref: "acme/test/throwing",
    steps: [{
      kind: "function",
      id: "a",
      run: () => {
        throw new Error("boom")
      }
    }]
  },
  { ref: "acme/test/flaky", steps: [{ kind: "template", id: "a", output: "ok", failsFirst: { times: 2 } }] },
  {
    ref: "acme/test/loop",
    steps: [
      {
        kind: "loop",
        id: "each",
        over: "{{parameters.words}}",
        steps: [
          { kind: "template", id: "shout", output: "{{loop.index}}: {{loop.item}}!" }
        ]
      },
      { kind: "template", id: "sum", output: { all: "{{steps.each.output}}" } }
    ]
  },
  {
    ref: "acme/test/versioned",
    steps: [{ kind: "template", id: "a", output: "draft" }],
    versions: {
      1: { steps: [{ kind: "template", id: "a", output: "one" }] },
      2: { steps: [{ kind: "template", id: "a", output: "two" }] },
      3: { steps: [{ kind: "template", id: "a", output: "three" }] }
    },
    production: 2
  }
]

const run = layer({ flows })

describe("POST …/execute", () => {
  it.scoped("results: a completed run has status, result, flowId, blockCount and executionId", () =>
    Effect.gen(function*() {
      const { headers, json, status } = yield* call((client) =>
        client.post("/seq/acme/spelling/grade-3/execute", {
          message: "The cat sat on the mat.",
          parameters: { difficulty: "hard" },
          trace: false
        })
      )
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("content-type"), "application/json")
      assert.match(headers.get("x-request-id") ?? "", /^req-/)
      assert.strictEqual(json.status, "completed")
      assert.strictEqual(json.result.score, 8)
      assert.include(json.result.feedback, "The cat sat on the mat.")
      assert.match(json.flowId, /^fl_/)
      assert.strictEqual(json.blockCount, 2)
      assert.match(json.executionId, /^[0-9a-f]{8}-[0-9a-f]{4}-4/)
    }).pipe(Effect.provide(run)))

  it.scoped("execute: the minimal bodies of the Python and TypeScript clients run", () =>
    Effect.gen(function*() {
      const python = yield* call((client) =>
        client.post(hello, { message: "hi", parameters: {}, iterationsUsed: 0, accumulatedOutputs: {}, trace: false })
      )
      const typescript = yield* call((client) => client.post(hello, { message: "hi", trace: false }))
      assert.strictEqual(python.json.result.text, "Hello! You said: hi")
      assert.strictEqual(typescript.json.result.text, "Hello! You said: hi")
      const ledger = yield* (yield* Emulator).ledger
      assert.strictEqual(ledger.runsStarted, 2)
      assert.strictEqual(ledger.stepsRun, 2)
      assert.strictEqual(ledger.billedUsd, "0.00024")
      assert.deepStrictEqual(ledger.requests.map((request) => [request.endpoint, request.status, request.outcome]), [
        ["execute", 200, "complete"],
        ["execute", 200, "complete"]
      ])
      assert.strictEqual(ledger.requests[1]!.body, "{\"message\":\"hi\",\"trace\":false}")
    }).pipe(Effect.provide(run)))

  it.scoped("execute: message is shorthand for parameters.message; null is absent; unknown keys are ignored", () =>
    Effect.gen(function*() {
      const echo = "/seq/acme/test/echo/execute"
      const byParameter = yield* call((client) =>
        client.post(echo, { message: null, messages: null, parameters: { message: "hi", n: null }, unheard: 1 })
      )
      assert.strictEqual(byParameter.json.result.message, "hi")
      assert.deepStrictEqual(byParameter.json.result.parameters, { message: "hi", n: null })
    }).pipe(Effect.provide(run)))

  it.scoped("messages: the last entry of messages is the user turn", () =>
    Effect.gen(function*() {
      const messages = [{ role: "user", content: "a" }, { role: "assistant", content: "b" }, {
        role: "user",
        content: "c",
        extra: true
      }]
      const { json } = yield* call((client) => client.post("/seq/acme/test/echo/execute", { messages }))
      assert.strictEqual(json.result.message, "c")
      assert.deepStrictEqual(json.result.messages, messages)
    }).pipe(Effect.provide(run)))

  const refused: ReadonlyArray<[name: string, path: string, body: unknown, status: number, code: string]> = [
    ["execute: nothing given to a flow that needs a message", hello, {}, 400, "MISSING_MESSAGE"],
    ["execute: an empty message", hello, { message: "" }, 400, "MISSING_MESSAGE"],
    [
      "execute: a parameter named attachments",
      hello,
      { message: "a", parameters: { attachments: 1 } },
      400,
      "PARAMETER_NAME_RESERVED"
    ],
    [
      "execute: messages over 1 MB",
      hello,
      { messages: [{ role: "user", content: "x".repeat(1_000_000) }] },
      413,
      "MESSAGES_TOO_LARGE"
    ],
    [
      "messages: the role system",
      hello,
      { messages: [{ role: "system", content: "x" }] },
      400,
      "MESSAGES_ROLE_INVALID"
    ],
    [
      "attachments: images to a model that sees none",
      "/seq/acme/test/blind/execute",
      { message: "a", attachments: [{ url: "https://img.example.com/a.png", mimeType: "image/png" }] },
      400,
      "MODEL_MIME_INCOMPATIBLE"
    ],
    ["codes: an unknown flow", "/seq/acme/test/nope/execute", { message: "a" }, 404, "FLOW_NOT_FOUND"],
    ["codes: a flow without steps", "/seq/acme/test/empty/execute", { message: "a" }, 400, "NO_STEPS"],
    ["codes: a tree that is not executable", "/seq/acme/test/broken/execute", { message: "a" }, 400, "INVALID_TREE"],
    [
      "codes: a step that fails with a status",
      "/seq/acme/test/failing/execute",
      { message: "a" },
      502,
      "BYOK_KEY_REJECTED"
    ],
    ["codes: a function that throws", "/seq/acme/test/throwing/execute", { message: "a" }, 500, "INTERNAL_ERROR"],
    ["codes: a function that fails", "/seq/acme/test/computed/execute", {}, 400, "ZERO"],
    [
      "tools: tools for a flow without them",
      hello,
      { message: "a", tools: [{ type: "function", function: { name: "x" } }] },
      400,
      "TOOLS_NOT_ENABLED"
    ]
  ]
  for (const [name, path, body, status, code] of refused) {
    it.scoped(`${name}: ${status} ${code}`, () =>
      Effect.gen(function*() {
        const answer = yield* call((client) => client.post(path, body))
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.json.detail.code, code)
        assert.isString(answer.json.detail.message)
        assert.match(answer.headers.get("x-request-id") ?? "", /^req-/)
      }).pipe(Effect.provide(run)))
  }

  const wrongTypes: ReadonlyArray<[field: string, value: unknown, type: string]> = [
    ["message", 1, "type_error.str"],
    ["messages", "x", "type_error.list"],
    ["parameters", [], "type_error.dict"],
    ["blockOverrides", { a: 1 }, "type_error.dict"],
    ["attachments", {}, "type_error.list"],
    ["tools", {}, "type_error.list"],
    ["toolChoice", "sometimes", "value_error.tool_choice"],
    ["trace", "yes", "type_error.bool"],
    ["executionId", 1, "type_error.str"],
    ["pausedAtStep", 1, "type_error.str"],
    ["iterationsUsed", 1.5, "type_error.integer"],
    ["iterationsUsed", -1, "value_error.number.not_ge"],
    ["toolCallMessages", ["x"], "type_error.list"],
    ["accumulatedOutputs", "x", "type_error.dict"]
  ]
  for (const [field, value, type] of wrongTypes) {
    it.scoped(`errors: ${field} ${JSON.stringify(value)} is a 422 with one list entry`, () =>
      Effect.gen(function*() {
        const { json, status } = yield* call((client) => client.post(hello, { message: "hi", [field]: value }))
        assert.strictEqual(status, 422)
        assert.deepStrictEqual(json.detail.map(({ loc, type }: Parsed) => ({ loc, type })), [{
          loc: ["body", field],
          type
        }])
        const ledger = yield* (yield* Emulator).ledger
        assert.strictEqual(ledger.runsStarted, 0)
      }).pipe(Effect.provide(run)))
  }

  const attachment = { kind: "url", url: "https://img.example.com/dog.png", mime_type: "image/png" }
  const badAttachments: ReadonlyArray<[name: string, list: ReadonlyArray<unknown>, loc: ReadonlyArray<unknown>]> = [
    ["eleven", Array.from({ length: 11 }, () => attachment), ["body", "attachments"]],
    ["one that is no object", ["x"], ["body", "attachments", 0]],
    ["another kind", [{ ...attachment, kind: "file" }], ["body", "attachments", 0, "kind"]],
    ["no url", [{ kind: "url", mime_type: "image/png" }], ["body", "attachments", 0, "url"]],
    ["http", [{ ...attachment, url: "http://img.example.com/a.png" }], ["body", "attachments", 0, "url"]],
    ["a long url", [{ ...attachment, url: `https://a.example/${"x".repeat(2_048)}` }], [
      "body",
      "attachments",
      0,
      "url"
    ]],
    ["no mime type", [{ kind: "url", url: attachment.url }], ["body", "attachments", 0, "mime_type"]],
    ["another mime type", [{ ...attachment, mime_type: "image/tiff" }], ["body", "attachments", 0, "mime_type"]],
    ["a filename with a slash", [{ ...attachment, filename: "a/b" }], ["body", "attachments", 0, "filename"]],
    ["a filename with dots", [{ ...attachment, filename: "..x" }], ["body", "attachments", 0, "filename"]],
    ["a long filename", [{ ...attachment, filename: "x".repeat(256) }], ["body", "attachments", 0, "filename"]]
  ]
  for (const [name, attachments, loc] of badAttachments) {
    it.scoped(`attachments: attachments, ${name}: 422`, () =>
      Effect.gen(function*() {
        const { json, status } = yield* call((client) => client.post(hello, { message: "hi", attachments }))
        assert.strictEqual(status, 422)
        assert.deepStrictEqual(json.detail[0].loc, loc)
      }).pipe(Effect.provide(run)))
  }

  it.scoped("attachments: ten attachments in either spelling are taken, kind may be absent", () =>
    Effect.gen(function*() {
      const { status } = yield* call((client) =>
        client.post(hello, {
          message: "hi",
          attachments: [
            ...Array.from({ length: 9 }, () => attachment),
            { url: attachment.url, mimeType: "image/gif", filename: "dog.gif" }
          ]
        })
      )
      assert.strictEqual(status, 200)
    }).pipe(Effect.provide(run)))

  it.scoped("results: a step that fails without a status is a 200 whose status is failed", () =>
    Effect.gen(function*() {
      const { json, status } = yield* call((client) =>
        client.post("/seq/acme/test/failing-200/execute", { message: "a" })
      )
      assert.strictEqual(status, 200)
      assert.strictEqual(json.status, "failed")
      assert.deepStrictEqual(json.result, { code: "MODEL_REFUSED", message: "no" })
    }).pipe(Effect.provide(run)))

  it.scoped("execute: blockOverrides in both spellings replace fields of a step", () =>
    Effect.gen(function*() {
      for (const key of ["blockOverrides", "block_overrides"]) {
        const { json } = yield* call((client) =>
          client.post(hello, { message: "hi", [key]: { greet: { output: { text: "{{message}}?" }, temperature: 1 } } })
        )
        assert.deepStrictEqual(json.result, { text: "hi?" })
      }
    }).pipe(Effect.provide(run)))

  it.scoped("a function step is an Effect, a promise or a value", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) => client.post("/seq/acme/test/computed/execute", { message: "abc" }))
      assert.strictEqual(json.result, 6)
    }).pipe(Effect.provide(run)))

  it.scoped("a step that fails first is tried again; only the last attempt is billed", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) => client.post("/seq/acme/test/flaky/execute", { message: "abc" }))
      assert.strictEqual(json.result, "ok")
      const ledger = yield* (yield* Emulator).ledger
      assert.deepStrictEqual(ledger.steps.map((step) => [step.attempt, step.outcome]), [
        [1, "failed"],
        [2, "failed"],
        [3, "completed"]
      ])
    }).pipe(Effect.provide(run)))

  it.scoped("a loop runs its steps once per item and gives their outputs", () =>
    Effect.gen(function*() {
      const { json } = yield* call((client) =>
        client.post("/seq/acme/test/loop/execute", { parameters: { words: ["a", "b"] } })
      )
      assert.deepStrictEqual(json.result, { all: ["0: a!", "1: b!"] })
      assert.strictEqual(json.blockCount, 2)
      const ledger = yield* (yield* Emulator).ledger
      assert.deepStrictEqual(ledger.steps.map((step) => [step.stepId, step.loopIndex]), [
        ["shout", 0],
        ["shout", 1],
        ["sum", undefined]
      ])
    }).pipe(Effect.provide(run)))

  const versions: ReadonlyArray<[segment: string, flow: string, expected: string | number]> = [
    ["", "versioned", "two"],
    ["/v0", "versioned", "draft"],
    ["/v1", "versioned", "one"],
    ["/v3", "versioned", "three"],
    ["/v4", "versioned", 404],
    ["/v-1", "versioned", 404],
    ["/vTrue", "versioned", 404],
    ["", "no-message", "fixed"],
    ["/v0", "no-message", "fixed"],
    ["/v1", "no-message", 404]
  ]
  for (const [segment, flow, expected] of versions) {
    it.scoped(`versions: ${flow}${segment}/execute runs ${expected}`, () =>
      Effect.gen(function*() {
        const { json, status } = yield* call((client) =>
          client.post(`/seq/acme/test/${flow}${segment}/execute`, { message: "a" })
        )
        if (typeof expected === "number") {
          assert.strictEqual(status, expected)
          assert.strictEqual(json.detail.code, "FLOW_NOT_FOUND")
        } else {
          assert.strictEqual(json.result, expected)
        }
      }).pipe(Effect.provide(run)))
  }

  const malformed: ReadonlyArray<[name: string, text: string]> = [
    ["malformed JSON", "{\"message\":"],
    ["a list", "[]"],
    ["text", "\"hi\""],
    ["null", "null"],
    ["an empty body", ""],
    ["a bomb of brackets", "[".repeat(500_000)],
    ["a bomb inside a field", `{"message":"hi","parameters":{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}}`]
  ]
  for (const [name, text] of malformed) {
    it.scoped(`emulator: ${name} is a 422`, () =>
      Effect.gen(function*() {
        const { detail, status } = yield* call(async (client) => {
          const response = await client.request("POST", hello, { text })
          return { status: response.status, detail: ((await response.json()) as Parsed).detail }
        })
        assert.strictEqual(status, 422)
        assert.deepStrictEqual(detail[0].loc, ["body"])
      }).pipe(Effect.provide(run)))
  }
})
