/** The flows, keys and organisations that the cases need besides the sample flows. */
import type { ApiKey, Organisation } from "../../Account.js"
import type { FileFlow, FileStep } from "../../Flow.js"
import { samples } from "../../samples.js"

const fixed = (id: string, output: string): FileStep => ({ kind: "template", id, output })

const flows: ReadonlyArray<FileFlow> = [
  ...samples,
  {
    ref: "acme/conformance/echo",
    steps: [{
      kind: "template",
      id: "echo",
      output: { message: "{{message}}", messages: "{{messages}}", parameters: "{{parameters}}" }
    }]
  },
  { ref: "acme/conformance/failed", steps: [{ kind: "fail", id: "fail", code: "MODEL_REFUSED", message: "refused" }] },
  {
    ref: "acme/conformance/byok",
    steps: [{ kind: "fail", id: "fail", code: "BYOK_KEY_REJECTED", message: "refused upstream", status: 502 }]
  },
  {
    ref: "acme/conformance/internal",
    steps: [{ kind: "fail", id: "fail", code: "INTERNAL_ERROR", message: "broken", status: 500 }]
  },
  { ref: "acme/conformance/no-steps", steps: [] },
  { ref: "acme/conformance/invalid-tree", broken: "two blocks have no edge", steps: [fixed("a", "a")] },
  { ref: "acme/conformance/blind", vision: false, steps: [fixed("a", "a")] },
  {
    ref: "acme/conformance/rounds",
    steps: [
      fixed("before", "before"),
      {
        kind: "tool",
        id: "ask",
        rounds: [
          [{ name: "find", arguments: { q: "a" } }, { name: "count" }],
          [{ name: "find", arguments: { q: "b" } }]
        ],
        output: "{{results}}"
      }
    ]
  },
  {
    ref: "acme/conformance/forever",
    steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "find" }]], forever: true, output: "never" }]
  },
  {
    ref: "acme/conformance/tools-in-loop",
    steps: [{
      kind: "loop",
      id: "each",
      times: 1,
      steps: [{ kind: "tool", id: "ask", rounds: [[{ name: "find" }]], output: "x" }]
    }]
  },
  {
    ref: "acme/conformance/loop",
    capture: "full",
    steps: [{
      kind: "loop",
      id: "each",
      over: ["x", "y"],
      steps: [{ kind: "template", id: "in", output: { at: "{{loop.item}}" } }]
    }]
  },
  {
    ref: "acme/conformance/flaky",
    capture: "full",
    steps: [{
      kind: "template",
      id: "a",
      output: { ok: true },
      failsFirst: { times: 1, code: "BUSY", message: "later" }
    }]
  },
  {
    ref: "acme/conformance/versions",
    steps: [fixed("a", "draft")],
    versions: { 1: { steps: [fixed("a", "one")] }, 2: { steps: [fixed("a", "two")] } },
    production: 1
  },
  { ref: "acme/conformance/edited", steps: [fixed("a", "a"), fixed("b", "b")] },
  { ref: "acme/conformance/three", steps: [fixed("a", "a"), fixed("b", "b"), fixed("c", "c")] },
  { ref: "acme/conformance/paced", steps: [fixed("a", "a"), fixed("b", "b")] },
  { ref: "acme/conformance/brief", steps: [{ kind: "template", id: "a", output: "late", duration: "100 millis" }] },
  { ref: "acme/conformance/metadata", capture: "metadata_only", steps: [fixed("a", "{{message}}")] },
  { ref: "acme/conformance/full", capture: "full", steps: [fixed("a", "{{message}}")] },
  { ref: "acme/conformance/redacted", capture: "redacted", steps: [fixed("a", "{{message}}")] },
  { ref: "acme/conformance/off", capture: "off", steps: [fixed("a", "a")] },
  { ref: "acme/conformance/slow", steps: [{ kind: "template", id: "a", output: "late", duration: "1 hour" }] },
  { ref: "poor/conformance/flow", steps: [fixed("a", "a")] },
  {
    ref: "short/conformance/flow",
    steps: [
      { kind: "template", id: "a", output: "a", costUsd: "0.0000001" },
      { kind: "template", id: "b", output: "b", costUsd: "1" }
    ]
  },
  { ref: "unbilled/conformance/flow", steps: [fixed("a", "a")] },
  { ref: "limited/conformance/flow", steps: [fixed("a", "a")] },
  { ref: "seqruns/conformance/flow", steps: [fixed("a", "a")] },
  { ref: "flowruns/conformance/flow", steps: [fixed("a", "a")] },
  { ref: "noruns/conformance/flow", steps: [fixed("a", "a")] }
]

const projects: ReadonlyArray<readonly [org: string, project: string]> = [
  ["noukai", "samples"],
  ["acme", "spelling"],
  ["acme", "conformance"],
  ["poor", "conformance"],
  ["short", "conformance"],
  ["unbilled", "conformance"],
  ["limited", "conformance"],
  ["seqruns", "conformance"],
  ["flowruns", "conformance"],
  ["noruns", "conformance"]
]

const keyOf = (index: number | string): string => `nk_test_conform${index}_${String(index).padStart(32, "0")}`

export const keys: { readonly [name: string]: string } = {
  ...Object.fromEntries(projects.map(([org, project], index) => [`${org}/${project}`, keyOf(index)])),
  revoked: keyOf("r"),
  unknown: "nk_test_nobodys0_00000000000000000000000000000000",
  malformed: "sk_test_other"
}

const apiKeys: ReadonlyArray<ApiKey> = [
  ...projects.map(([org, project], index): ApiKey => ({
    key: keyOf(index),
    org,
    project,
    ...(org === "limited" ? { rateLimit: { requests: 1, per: "1 hour" } } : {})
  })),
  { key: keyOf("r"), org: "noukai", project: "samples", revoked: true }
]

export const fixture: {
  readonly flows: ReadonlyArray<FileFlow>
  readonly keys: ReadonlyArray<ApiKey>
  readonly organisations: { readonly [org: string]: Organisation }
} = {
  flows,
  keys: apiKeys,
  organisations: {
    poor: { credits: "0" },
    short: { credits: "0.000001" },
    unbilled: { billing: false },
    seqruns: { runPaths: "seq" },
    flowruns: { runPaths: "flow-runs", refusedRunPaths: 403 },
    noruns: { runPaths: "none", refusedRunPaths: 401 }
  }
}
