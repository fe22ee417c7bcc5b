/** Reads of the studio's server. Types alone come from the API: nothing of Effect is in the page. */
import { parseJson } from "@effect-noukai/sdk/internal/digits"
import type { BatchDetail, BatchList, BatchRowDetail, BatchRowPage } from "../../src/BatchesApi.js"
import type { RunComparison, StepComparison } from "../../src/CompareApi.js"
import type { EmulatorRequestDetail, EmulatorRequestPage, EmulatorState } from "../../src/EmulatorApi.js"
import type { EvalCaseDetail, EvalCasePage, EvalDetail, EvalList } from "../../src/EvalsApi.js"
import type { Kept, KeptCases } from "../../src/KeepApi.js"
import type { ReconcilePlan } from "../../src/ReconcileApi.js"
import type { RunForm, StartedRun } from "../../src/RunAgainApi.js"
import type {
  Hits,
  Points,
  RunDetail,
  RunPage,
  SessionDetail,
  Snippets,
  Source,
  StepDetail
} from "../../src/RunsApi.js"

export type * from "../../src/BatchesApi.js"
export type * from "../../src/CompareApi.js"
export type * from "../../src/EmulatorApi.js"
export type * from "../../src/EvalsApi.js"
export type * from "../../src/KeepApi.js"
export type * from "../../src/ReconcileApi.js"
export type * from "../../src/RunAgainApi.js"
export type * from "../../src/RunsApi.js"

/** The answer of each endpoint. */
export interface Answers {
  readonly source: Source
  readonly runs: RunPage
  readonly run: RunDetail
  readonly step: StepDetail
  readonly snippets: Snippets
  readonly points: Points
  readonly search: Hits
  readonly session: SessionDetail
  readonly batches: BatchList
  readonly batch: BatchDetail
  readonly "batch/rows": BatchRowPage
  readonly "batch/row": BatchRowDetail
  readonly evals: EvalList
  readonly eval: EvalDetail
  readonly "eval/cases": EvalCasePage
  readonly "eval/case": EvalCaseDetail
  readonly diff: RunComparison
  readonly "diff/step": StepComparison
  readonly "reconcile/plan": ReconcilePlan
  readonly again: RunForm
  readonly "again/started": StartedRun
  readonly keep: Kept
  readonly "keep/cases": KeptCases
  readonly emulator: EmulatorState
  readonly "emulator/requests": EmulatorRequestPage
  readonly "emulator/request": EmulatorRequestDetail
}

export type Params = { readonly [name: string]: string | number | undefined }

/** A read that failed. Status 0: no answer arrived. */
export class ReadError extends Error {
  constructor(readonly status: number, message: string, readonly advice: string | undefined) {
    super(message)
  }
}

export const addressOf = (path: string, params: Params): string => {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) if (value !== undefined) query.set(name, String(value))
  return `/api/${path}${query.size === 0 ? "" : `?${query}`}`
}

/** The longest time without a byte of an answer, in milliseconds. */
const patience = 15_000

const silent = (): ReadError =>
  new ReadError(
    504,
    `No answer came for ${patience / 1_000} seconds.`,
    "The server whose runs are shown may hang. Try again: that asks anew."
  )

/** The text of a response. `heard` is called for each part that arrives. */
const textOf = async (response: Response, heard: () => void): Promise<string> => {
  const reader = response.body?.getReader()
  if (reader === undefined) return response.text()
  const decoder = new TextDecoder()
  const parts: Array<string> = []
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    heard()
    parts.push(decoder.decode(part.value, { stream: true }))
  }
  return parts.join("") + decoder.decode()
}

/** Rejects with a {@link ReadError}, after 15 seconds without a byte too, or as `fetch` does if the signal aborts. */
export const read = async <Path extends keyof Answers>(
  path: Path,
  params: Params,
  signal: AbortSignal
): Promise<Answers[Path]> => {
  const hanging = new AbortController()
  let timer: number | undefined
  const heard = (): void => {
    window.clearTimeout(timer)
    timer = window.setTimeout(() => hanging.abort(), patience)
  }
  heard()
  try {
    return await answerOf<Path>(addressOf(path, params), AbortSignal.any([signal, hanging.signal]), heard)
  } catch (error) {
    throw hanging.signal.aborted && !signal.aborted ? silent() : error
  } finally {
    window.clearTimeout(timer)
  }
}

const answerOf = async <Path extends keyof Answers>(
  address: string,
  signal: AbortSignal,
  heard: () => void
): Promise<Answers[Path]> => {
  const response = await fetch(address, { signal }).catch((cause: unknown) => {
    if (signal.aborted) throw cause
    throw new ReadError(0, "The studio does not answer.", "It may have been stopped. The page reconnects by itself.")
  })
  heard()
  const body = await textOf(response, heard).then(parseJson).catch((cause: unknown) => {
    if (signal.aborted) throw cause
    return undefined
  }) as { readonly message?: string; readonly advice?: string } | undefined
  if (response.ok && body !== undefined) return body as Answers[Path]
  if (response.status === 401 || response.status === 403) {
    throw new ReadError(response.status, "This page has no access.", "Open the address that the command printed.")
  }
  throw new ReadError(response.status, body?.message ?? `The studio answered ${response.status}.`, body?.advice)
}

/** The handlers of a stream's events, by their names. `hello` is the first event of each connection. */
export interface StreamHandlers {
  readonly hello: (serverId: string) => void
  readonly lost: () => void
  readonly events: { readonly [name: string]: (data: never) => void }
}

/** The first and the longest time until a stream that broke is opened again, in milliseconds. */
const delays = { first: 250, most: 4_000 }

/**
 * Reads server-sent events until the signal aborts. A connection that breaks is opened again. A page that is not
 * visible holds no connection, of which a browser has few: it opens one when it is visible again.
 */
export const stream = (path: string, params: Params, handlers: StreamHandlers, signal: AbortSignal): void => {
  let source: EventSource | undefined
  let timer: number | undefined
  let delay = delays.first
  const close = (): void => {
    source?.close()
    source = undefined
    window.clearTimeout(timer)
  }
  const open = (): void => {
    close()
    const opened = source = new EventSource(addressOf(path, params))
    const on = (name: string, handle: (data: never) => void): void =>
      opened.addEventListener(name, ({ data }: MessageEvent<string>) => {
        if (source === opened) handle(JSON.parse(data === "" ? "null" : data) as never)
      })
    on("hello", ({ id }: { readonly id: string }) => {
      delay = delays.first
      handlers.hello(id)
    })
    for (const [name, handle] of Object.entries(handlers.events)) on(name, handle)
    opened.onerror = () => {
      if (source !== opened) return
      close()
      timer = window.setTimeout(open, delay)
      delay = Math.min(2 * delay, delays.most)
      handlers.lost()
    }
  }
  document.addEventListener("visibilitychange", () => document.hidden ? close() : open(), { signal })
  window.addEventListener("online", open, { signal })
  signal.addEventListener("abort", close)
  if (!document.hidden) open()
}

/**
 * Reads server-sent events once: a stream that breaks is not opened again. `lost`: it broke, or the server refused it. The
 * stream ends when the signal aborts.
 */
export const streamOnce = (
  path: string,
  params: Params,
  { events, lost }: Pick<StreamHandlers, "events" | "lost">,
  signal: AbortSignal
): void => {
  const source = new EventSource(addressOf(path, params))
  signal.addEventListener("abort", () => source.close())
  for (const [name, handle] of Object.entries(events)) {
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      if (!signal.aborted) handle(JSON.parse(data === "" ? "null" : data) as never)
    })
  }
  source.onerror = () => {
    source.close()
    if (!signal.aborted) lost()
  }
}
