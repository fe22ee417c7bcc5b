/** A studio over the ledgers of a folder, as its page reads it. */
import { BatchDetail, BatchList, BatchRowDetail, BatchRowPage } from "@effect-noukai/studio/BatchesApi"
import { type EvalCaseDetail, EvalCasePage, type EvalDetail, EvalList, EvalTrend } from "@effect-noukai/studio/EvalsApi"
import * as LedgerSource from "@effect-noukai/studio/LedgerSource"
import * as Studio from "@effect-noukai/studio/Studio"
import { Effect, Layer, Schema } from "effect"
import { open } from "./client.js"
import * as Scripted from "./scripted.js"

type Parameters = { readonly [name: string]: string | number }

export const query = (parameters: Parameters): string =>
  String(new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)])))

export const start = (options: LedgerSource.Options) =>
  Effect.gen(function*() {
    const scripted = yield* Scripted.make()
    const sources = yield* Layer.build(Layer.merge(scripted.layer, LedgerSource.layer(options)))
    const { url } = yield* Effect.provide(Studio.serve({ assets: "/nowhere" }), sources)
    const page = yield* open(url)
    const text = (endpoint: string, parameters: Parameters) =>
      Effect.map(page.get(`/api/${endpoint}?${query(parameters)}`), ({ text }) => text)
    const of = <A, I>(schema: Schema.Schema<A, I>, endpoint: string) => (parameters: Parameters = {}) =>
      Effect.orDie(Effect.flatMap(text(endpoint, parameters), Schema.decodeUnknown(Schema.parseJson(schema))))
    return {
      page,
      batches: of(BatchList, "batches"),
      batch: of(BatchDetail, "batch"),
      rows: of(BatchRowPage, "batch/rows"),
      row: of(BatchRowDetail, "batch/row"),
      evals: of(EvalList, "evals"),
      cases: of(EvalCasePage, "eval/cases"),
      trend: of(EvalTrend, "eval/trend"),
      eval: (parameters: Parameters) => Effect.map(text("eval", parameters), (json) => JSON.parse(json) as EvalDetail),
      case: (parameters: Parameters) =>
        Effect.map(text("eval/case", parameters), (json) => JSON.parse(json) as EvalCaseDetail),
      refused: (endpoint: string, parameters: Parameters) =>
        Effect.map(
          page.get(`/api/${endpoint}?${query(parameters)}`),
          ({ status, text }) => [status, (JSON.parse(text) as { readonly message: string }).message] as const
        )
    }
  })
