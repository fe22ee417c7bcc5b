/** The endpoints of the API over a source. */
import * as TraceSpans from "@effect-noukai/report/TraceSpans"
import * as Waterfall from "@effect-noukai/report/Waterfall"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { matches } from "../RunList.js"
import {
  type ListChange,
  NotFound,
  type Run,
  type RunDetail,
  type RunFilter,
  type Source,
  Unavailable
} from "../RunsApi.js"
import { StudioApi } from "../StudioApi.js"
import { type StoredRun, StudioSource } from "../StudioSource.js"
import * as Detail from "./detail.js"
import * as Events from "./events.js"
import * as Sessions from "./sessions.js"
import { snippets } from "./snippets.js"
import { type Mask, maskedValue } from "./text.js"

const standardLimit = 100
const mostRuns = 500

/** The name of a file to save, in characters that every system takes. */
const fileName = (what: string, id: string, extension: string): string =>
  `attachment; filename="${what}-${id.replace(/[^\w-]+/g, "_").slice(0, 80)}.${extension}"`

/** Responds with thousands of objects. An encoder would check each. */
const jsonText = (value: object) => HttpServerResponse.text(JSON.stringify(value), { contentType: "application/json" })

interface Texts {
  readonly detailOf: (stored: StoredRun, now: number) => RunDetail
  readonly encode: (name: string, data: unknown) => string
  readonly mask: Mask
  /** The event at the start of each stream. */
  readonly hello: string
}

/** Events about the list of a filter. */
const changes = Effect.fnUntraced(function*({ encode, hello }: Texts, filter: RunFilter) {
  const source = yield* StudioSource
  const belongs = matches(filter)
  const changed = new Map<string, Run | undefined>()
  let isReset = false
  const total = source.list(filter, { offset: 0, limit: 0 }).pipe(
    Effect.map((page) => page.total)
  )
  const flush = Effect.gen(function*() {
    const all = [...changed]
    changed.clear()
    if (isReset || all.length > mostRuns) {
      isReset = false
      return hello
    }
    const runs = all.flatMap(([, run]) => run !== undefined && belongs(run) ? [run] : [])
    const stay = new Set(runs)
    const change: ListChange = {
      runs,
      gone: all.flatMap(([id, run]) => run !== undefined && stay.has(run) ? [] : [id]),
      total: yield* total
    }
    return encode("change", change)
  }).pipe(
    Effect.catchAll((error) => Effect.succeed(encode("problem", error)))
  )
  return Events.response(
    hello,
    Effect.flatMap(source.changes, (stream) =>
      Events.coalesced(
        stream,
        (change) => {
          if (change._tag === "Reset") {
            isReset = true
            changed.clear()
          } else if (isReset) return
          else if (change._tag === "Gone") changed.set(change.id, undefined)
          else changed.set(change.run.id, change.run)
          // a reader that does not read costs no more memory than this
          if (changed.size > mostRuns) {
            isReset = true
            changed.clear()
          }
        },
        flush,
        () => flush
      ))
  )
})

/** Events about one run, to its end. */
const watch = Effect.fnUntraced(function*({ detailOf, encode, hello, mask }: Texts, flow: string, id: string) {
  const source = yield* StudioSource
  // an unknown run is a response of its own
  yield* source.run(flow, id)
  const problem = (error: NotFound | Unavailable) => Effect.succeed(encode("problem", error))
  const detail = Effect.zipWith(
    source.run(flow, id),
    Clock.currentTimeMillis,
    (stored, now) => encode("run", detailOf(stored, now))
  )
  const end = encode("end", {})
  return Events.response(
    hello,
    Events.coalesced(
      source.watch(flow, id),
      () => {},
      Effect.catchAll(detail, problem),
      Exit.match({
        onSuccess: () => detail.pipe(Effect.map((last) => last + end), Effect.catchAll(problem)),
        onFailure: (cause) =>
          Option.match(Cause.failureOption(cause), {
            onNone: () =>
              Effect.as(
                Effect.logError("The studio stopped watching a run", mask(Cause.pretty(cause))),
                encode("problem", new Unavailable({ message: "The studio failed." }))
              ),
            onSome: problem
          })
      })
    )
  )
})

/** The handlers. `hello` is the event at the start of each stream. */
export const layer = (
  { encode, hello, mask }: Pick<Texts, "encode" | "hello" | "mask">,
  views: Source["views"]
) => {
  const details = Detail.make(mask)
  const { detailOf } = details
  const texts: Texts = { detailOf, encode, mask, hello }
  return HttpApiBuilder.group(StudioApi, "runs", (handlers) =>
    Effect.gen(function*() {
      const source = yield* StudioSource
      const provided = Effect.provideService(StudioSource, source)
      return handlers
        .handle("source", () => Effect.map(source.source, (facts) => ({ ...facts, views })))
        .handle("list", ({ urlParams: { limit = standardLimit, offset = 0, order, ...filter } }) =>
          source.list(filter, { offset, limit: Math.min(limit, mostRuns), order }))
        .handleRaw("changes", ({ urlParams }) =>
          provided(changes(texts, urlParams)))
        .handleRaw("run", ({ urlParams: { flow, id } }) =>
          Effect.zipWith(source.run(flow, id), Clock.currentTimeMillis, (stored, now) =>
            jsonText(detailOf(stored, now))))
        .handleRaw("watch", ({ urlParams: { flow, id } }) =>
          provided(watch(texts, flow, id)))
        .handle("step", ({ urlParams: { flow, id, loop, step } }) =>
          Effect.flatMap(source.run(flow, id), (stored) => {
            const detail = Detail.stepDetail(stored, step, loop)
            return detail === undefined
              ? new NotFound({
                message: loop === undefined
                  ? `Run ${id} has no step ${step}.`
                  : `Run ${id} has no iteration ${loop} of step ${step}.`
              })
              : Effect.succeed(detail)
          }))
        .handle("snippets", ({ urlParams: { flow, id } }) =>
          Effect.zipWith(source.source, source.run(flow, id), snippets(mask)))
        .handleRaw("export", ({ urlParams: { flow, format, id } }) =>
          Effect.map(source.run(flow, id), (stored) => {
            // before it is HTML
            const trace = maskedValue(mask, stored.trace)
            return format === "otlp"
              ? HttpServerResponse.text(JSON.stringify(TraceSpans.toSpans(trace)), {
                contentType: "application/json",
                headers: { "content-disposition": fileName("run", mask(id), "otlp.json") }
              })
              : HttpServerResponse.stream(
                Stream.encodeText(Waterfall.toHtml(trace, { title: mask(`${flow} ${id}`) })),
                {
                  contentType: "text/html; charset=utf-8",
                  headers: { "content-disposition": fileName("run", mask(id), "html") }
                }
              )
          }))
        .handleRaw("points", ({ urlParams }) =>
          Effect.map(source.points(urlParams), jsonText))
        .handle("search", ({ urlParams: { flow, id, text } }) =>
          Effect.map(source.run(flow, id), ({ trace }) =>
            details.search(trace, id, text)))
        .handle("session", ({ urlParams: { id } }) =>
          Effect.gen(function*() {
            const session = yield* source.session(id)
            return Sessions.detailOf(mask, yield* source.source, session, yield* Clock.currentTimeMillis)
          }))
        .handleRaw("cassette", ({ urlParams: { id } }) =>
          Effect.map(source.cassette(id), (cassette) =>
            HttpServerResponse.text(cassette, {
              contentType: "application/json",
              headers: { "content-disposition": fileName("session", mask(id), "json") }
            })))
    }))
}
