/** A collector of OpenTelemetry on loopback, and a program whose spans and metrics the OTLP exporter sends to it. */
import * as Otlp from "@effect/opentelemetry/Otlp"
import { FetchHttpClient } from "@effect/platform"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

interface Attribute {
  readonly key: string
  readonly value: { readonly [kind: string]: unknown }
}

export interface CollectedSpan {
  readonly name: string
  readonly kind: number
  readonly attributes: { readonly [key: string]: unknown }
  readonly status: { readonly code: number }
}

interface Point {
  readonly attributes: ReadonlyArray<Attribute>
  readonly asDouble?: number
  readonly sum?: number
  readonly count?: number
  readonly explicitBounds?: ReadonlyArray<number>
}

export interface CollectedPoint extends Omit<Point, "attributes"> {
  readonly name: string
  readonly unit: string
  readonly attributes: { readonly [key: string]: unknown }
}

interface Metric {
  readonly name: string
  readonly unit: string
  readonly [kind: string]: unknown
}

const valuesOf = (attributes: ReadonlyArray<Attribute>) =>
  Object.fromEntries(attributes.map(({ key, value: { intValue, ...other } }) => [
    key,
    intValue === undefined ? Object.values(other)[0] : Number(intValue)
  ]))

/** The spans that an exporter sends for a program, and the points of its metrics under a label of its own. */
export const exported = <A, E, R>(own: string, program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const bodies: Array<{ readonly path: string; readonly text: string }> = []
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const made = createServer((request, response) => {
          const chunks: Array<Buffer> = []
          request.on("data", (chunk: Buffer) => chunks.push(chunk))
          request.on("end", () => {
            bodies.push({ path: request.url ?? "", text: Buffer.concat(chunks).toString("utf8") })
            response.writeHead(200, { "content-type": "application/json" }).end("{}")
          })
        }).listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) => Effect.sync(() => made.close())
    )
    const collected = Otlp.layerJson({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      resource: { serviceName: "test" }
    }).pipe(Layer.provide(FetchHttpClient.layer))
    const exit = yield* Effect.exit(program).pipe(
      Effect.tagMetrics("collected", `collected ${own}`),
      Effect.provide(collected)
    )
    const sent = (path: string) => bodies.flatMap((body) => body.path === path ? [JSON.parse(body.text)] : [])
    const spans: ReadonlyArray<CollectedSpan> = sent("/v1/traces").flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: ReadonlyArray<{ spans: ReadonlyArray<object> }> }) =>
        scopeSpans.flatMap(({ spans }) =>
          spans.map((span) => ({
            ...span,
            attributes: valuesOf((span as { attributes: ReadonlyArray<Attribute> }).attributes)
          }))
        )
      )
    )
    const metrics: ReadonlyArray<Metric> = (sent("/v1/metrics").at(-1)?.resourceMetrics ?? []).flatMap(
      ({ scopeMetrics }: { scopeMetrics: ReadonlyArray<{ metrics: ReadonlyArray<Metric> }> }) =>
        scopeMetrics.flatMap(({ metrics }) => metrics)
    )
    const points = metrics.flatMap(({ name, unit, ...kinds }): ReadonlyArray<CollectedPoint> =>
      Object.values(kinds as { [kind: string]: { dataPoints?: ReadonlyArray<Point> } }).flatMap(({ dataPoints = [] }) =>
        dataPoints.map((point) => ({ ...point, name, unit, attributes: valuesOf(point.attributes) }))
      )
    ).filter(({ attributes }) => attributes.collected === `collected ${own}`)
    return { exit, spans, points, text: bodies.map(({ text }) => text).join("\n") }
  })
