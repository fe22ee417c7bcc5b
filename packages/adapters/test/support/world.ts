/** An emulator with the flows of these tests, and what an app under test is told. */
import type { SessionsOptions } from "@effect-noukai/adapters"
import { type Flow, type RunningEmulator, startEmulator } from "@effect-noukai/emulator"
import type { ReplayError } from "@effect-noukai/sdk"

export const answer = "acme/support/answer"
export const two = "acme/support/two"
export const never = "acme/support/never"
export const foreign = "beta/other/answer"

/** Planted in every app of these tests; no caller may ever see it. */
export const plantedKey = "nk_test_planted8_0123456789abcdef0123456789abcdef"
export const foreignKey = "nk_test_foreign8_0123456789abcdef0123456789abcdef"

/** The gate that the second step of `two` waits for. */
export class Gate {
  private release: () => void = () => {}
  private opened: Promise<void> = Promise.resolve()

  /** From now on runs wait. */
  shut(): void {
    this.opened = new Promise((resolve) => {
      this.release = resolve
    })
  }

  open(): void {
    this.release()
  }

  readonly pass = (): Promise<void> => this.opened
}

const flows = (gate: Gate): ReadonlyArray<Flow> => [
  { ref: answer, steps: [{ kind: "template", id: "say", output: { text: "You said: {{message}}" }, costUsd: "0.01" }] },
  { ref: foreign, steps: [{ kind: "template", id: "say", output: { text: "foreign" } }] },
  {
    ref: two,
    steps: [
      { kind: "template", id: "first", output: "{{message}} one" },
      { kind: "function", id: "second", run: async ({ message }) => gate.pass().then(() => `${message} two`) }
    ]
  },
  { ref: never, steps: [{ kind: "function", id: "wait", run: () => new Promise<string>(() => {}) }] }
]

export interface World {
  readonly emulator: RunningEmulator
  readonly gate: Gate
  /** How many runs have been started, and requests for sessions made. */
  readonly counts: () => { readonly runs: number; readonly fetches: number; readonly requests: number }
}

export const startWorld = async (): Promise<World> => {
  const gate = new Gate()
  const emulator = await startEmulator({
    flows: flows(gate),
    keys: [
      { key: plantedKey, org: "acme", project: "support" },
      { key: foreignKey, org: "beta", project: "other" }
    ],
    organisations: { acme: { capture: "full" }, beta: { capture: "full" } }
  })
  return {
    emulator,
    gate,
    counts: () => {
      const { requests, requestsReceived, runsStarted } = emulator.ledger()
      return {
        runs: runsStarted,
        fetches: requests.filter(({ endpoint }) => endpoint === "session").length,
        requests: requestsReceived
      }
    }
  }
}

/** How an app is set up. */
export interface Setup {
  readonly emulator: RunningEmulator
  readonly replayEnabled: boolean
  readonly options?: SessionsOptions
  readonly onReplayError?: (error: ReplayError) => unknown
  /** Scopes as they are opened and closed. */
  readonly onScope?: (phase: string, sessionId: string) => void
  /** The listener for the warnings that are logged. */
  readonly onWarning?: (text: string) => void
}

export interface RunningApp {
  readonly url: string
  readonly close: () => Promise<void>
}

/**
 * An app with these routes, each as its framework's users write it:
 *
 * - `POST /answer`: runs `answer` with the body as its message: `{ result, session }`
 * - `POST /none`: runs nothing: `{ ok: true }`
 * - `POST /caught`: runs `answer`; if that fails, `{ fallback: true }`
 * - `POST /broken`: runs `answer`, then fails with something else
 * - `POST /stream`: the steps of `two` as they complete, one line each
 * - `POST /late`: one line, then runs `answer`, then another line
 * - `POST /never`: runs `never`
 * - `GET /health`: `{ ok: true }`
 */
export interface Framework {
  readonly name: string
  readonly start: (setup: Setup) => Promise<RunningApp>
}
