/**
 * Cases of `/execute` without tools.
 *
 * @see docs/wire.md#execute
 */
import type { ConformanceCase, ConformanceRequest } from "../../../ConformanceCase.js"
import type { Json } from "../../../Flow.js"
import { any, exchange, fixture, invalid, made, ok, post, refused, sample } from "../caseParts.js"

const hello = (body: { readonly [key: string]: Json }): ConformanceRequest =>
  post(sample("hello-world", "execute"), body)

const echo = (body: { readonly [key: string]: Json }): ConformanceRequest => post(fixture("echo", "execute"), body)

const completed = (result: Json): Json => ({ status: "completed", result })

const wrongType = (field: string, value: Json): ConformanceCase =>
  made(`execute: ${field} of a wrong JSON type is a 422`, [`execute ${field}`, "errors list"], [
    exchange(hello({ message: "hi", [field]: value }), invalid("body", field))
  ])

const attachment = { kind: "url", url: "https://img.example.com/dog.png", mime_type: "image/png", filename: "dog.png" }

const longUrl = (length: number): string => "https://img.example.com/".padEnd(length, "x")

const attached = (
  name: string,
  row: string,
  attachments: Json,
  ...loc: ReadonlyArray<string | number>
): ConformanceCase =>
  made(`attachments: ${name}`, [`attachments ${row}`], [
    exchange(
      hello({ message: "hi", attachments }),
      loc.length === 0 ? ok({ status: "completed" }) : invalid("body", "attachments", ...loc)
    )
  ])

export const cases: ReadonlyArray<ConformanceCase> = [
  made("results: a completed run", [
    "results status",
    "results result",
    "results flowId",
    "results blockCount",
    "results executionId",
    "execute message"
  ], [
    exchange(hello({ message: "hi", trace: false }), {
      status: 200,
      headers: { "x-request-id": any("string"), "content-type": { $matches: "^application/json" } },
      body: {
        status: "completed",
        result: any("object"),
        flowId: any("string"),
        blockCount: 1,
        executionId: any("string")
      }
    })
  ]),
  made("results: blockCount counts the steps", ["results blockCount"], [
    exchange(post(sample("two-step", "execute"), { message: "hi" }), ok({ status: "completed", blockCount: 2 }))
  ]),
  made("results: a failed run can be a 200", ["results failed"], [
    exchange(
      post(fixture("failed", "execute"), { message: "hi" }),
      ok({ status: "failed", flowId: any("string"), blockCount: 1, executionId: any("string") })
    )
  ]),
  made("execute: the body of the TypeScript client", ["execute typescript"], [
    exchange(hello({ message: "hi", trace: false }), ok({ status: "completed" }))
  ]),
  made("json: null is absent at the top, and unknown keys are ignored", ["execute message", "json null"], [
    exchange(
      hello({ message: "hi", messages: null, parameters: null, tools: null, toolChoice: null, unheard: { of: 1 } }),
      ok({ status: "completed" })
    )
  ]),
  made("execute: message is shorthand for parameters.message; nulls inside parameters are data", [
    "execute parameters",
    "execute message shorthand"
  ], [
    exchange(
      echo({ parameters: { message: "hi", n: null, deep: { a: [1, null] } } }),
      ok(completed({ message: "hi", parameters: { message: "hi", n: null, deep: { a: [1, null] } } }))
    )
  ]),
  made("messages: the last of messages is the user turn; extra keys pass", ["execute messages"], [
    exchange(
      echo({
        messages: [{ role: "user", content: "a" }, { role: "assistant", content: null, toolCalls: [] }, {
          role: "tool",
          toolCallId: "t",
          name: "n",
          content: "b"
        }, { role: "user", content: "c", extra: 1 }]
      }),
      ok(completed({ message: "c", messages: { $length: 4 } }))
    )
  ]),
  made("execute: messages excludes message", ["execute messages"], [
    exchange(hello({ message: "a", messages: [{ role: "user", content: "b" }] }), invalid("body", "messages"))
  ]),
  made("messages: an entry without a role", ["execute messages"], [
    exchange(hello({ messages: [{ content: "b" }] }), invalid("body", "messages", 0, "role"))
  ]),
  ...["blockOverrides", "block_overrides"].map((field) =>
    made(`execute: ${field} replaces fields of a step`, [`execute ${field}`], [
      exchange(
        echo({ message: "hi", [field]: { echo: { output: "{{message}}!", temperature: 0 } } }),
        ok(completed("hi!"))
      )
    ])
  ),
  refused("execute: nothing that the flow needs", "execute message", hello({}), 400, "MISSING_MESSAGE"),
  refused(
    "execute: a parameter named attachments",
    "execute parameters",
    hello({ message: "a", parameters: { attachments: 1 } }),
    400,
    "PARAMETER_NAME_RESERVED"
  ),
  refused(
    "execute: messages over 1 MB",
    "execute messages",
    hello({ messages: [{ role: "user", content: { $repeat: ["x", 1_000_000] } }] }),
    413,
    "MESSAGES_TOO_LARGE"
  ),
  refused(
    "messages: the role system",
    "execute messages",
    hello({ messages: [{ role: "system", content: "x" }] }),
    400,
    "MESSAGES_ROLE_INVALID"
  ),
  made("execute: a request without all three of executionId, pausedAtStep and toolCallMessages is fresh", [
    "execute executionId",
    "execute pausedAtStep",
    "execute toolCallMessages"
  ], [
    exchange(hello({ message: "hi", executionId: "none", pausedAtStep: "none" }), ok({ status: "completed" })),
    exchange(hello({ message: "hi", executionId: "none", toolCallMessages: [] }), ok({ status: "completed" }))
  ]),
  made("execute: attachments may be an empty list", ["execute attachments"], [
    exchange(hello({ message: "hi", attachments: [] }), ok({ status: "completed" }))
  ]),
  wrongType("message", 1),
  wrongType("messages", "x"),
  wrongType("parameters", []),
  wrongType("blockOverrides", { a: 1 }),
  wrongType("attachments", {}),
  wrongType("tools", {}),
  wrongType("toolChoice", "sometimes"),
  wrongType("trace", "yes"),
  wrongType("executionId", 1),
  wrongType("pausedAtStep", 1),
  wrongType("iterationsUsed", 1.5),
  wrongType("toolCallMessages", "x"),
  wrongType("accumulatedOutputs", []),
  attached("an attachment as documented is taken", "kind", [attachment]),
  attached("kind may be absent, mimeType is known", "kind", [{ url: attachment.url, mimeType: "image/webp" }]),
  attached("another kind: 422", "kind", [{ ...attachment, kind: "file" }], 0, "kind"),
  attached("a url that is not https: 422", "url", [{ ...attachment, url: "http://img.example.com/a" }], 0, "url"),
  attached("no url: 422", "url", [{ kind: "url", mime_type: "image/png" }], 0, "url"),
  attached("another mime type: 422", "mime_type", [{ ...attachment, mime_type: "image/tiff" }], 0, "mime_type"),
  attached("no mime type: 422", "mime_type", [{ kind: "url", url: attachment.url }], 0, "mime_type"),
  attached("a path as filename: 422", "filename", [{ ...attachment, filename: "../a" }], 0, "filename"),
  attached("a url of 2,048 characters is taken", "url", [{ ...attachment, url: longUrl(2_048) }]),
  attached("a longer url: 422", "url", [{ ...attachment, url: longUrl(2_049) }], 0, "url"),
  attached("a filename of 255 characters is taken", "filename", [{ ...attachment, filename: "x".repeat(255) }]),
  attached("a longer filename: 422", "filename", [{ ...attachment, filename: "x".repeat(256) }], 0, "filename"),
  ...["image/jpeg", "image/png", "image/webp", "image/gif"].map((type) =>
    attached(`${type} is taken`, "mime_type", [{ ...attachment, mime_type: type }])
  ),
  attached(
    "ten are taken",
    "at most 10",
    Array.from({ length: 10 }, () => attachment)
  ),
  made("attachments: eleven: 422", ["attachments at most 10"], [
    exchange(
      hello({ message: "hi", attachments: Array.from({ length: 11 }, () => attachment) }),
      invalid("body", "attachments")
    )
  ]),
  refused(
    "attachments: images to a model that sees none",
    "attachments vision",
    post(fixture("blind", "execute"), { attachments: [attachment] }),
    400,
    "MODEL_MIME_INCOMPATIBLE"
  )
]
