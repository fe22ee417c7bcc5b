/**
 * Layers are built once for each reference to them, whatever they are provided with: two clients in one program must not
 * become one.
 */
import { completed, recording } from "@effect-noukai/report/testing"
import { Flow, FlowService, JobService, Noukai, NoukaiHttp, NoukaiReplay } from "@effect-noukai/sdk"
import * as Jobs from "@effect-noukai/sdk/JobService"
import { layerScripted } from "@effect-noukai/sdk/Noukai"
import * as Https from "@effect-noukai/sdk/NoukaiHttp"
import * as Relay from "@effect-noukai/sdk/Relay"
import { FetchHttpClient } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { Config, Context, Effect, Layer, Redacted } from "effect"

class One extends Context.Tag("test/One")<One, unknown>() {}

class Other extends Context.Tag("test/Other")<Other, unknown>() {}

/** The values that two services of one program see, each over a layer of its own. */
const bothSee = <S, E, E1, E2>(
  look: Effect.Effect<unknown, E, S>,
  one: Layer.Layer<S, E1>,
  other: Layer.Layer<S, E2>
) =>
  Effect.all([One, Other]).pipe(
    Effect.provide(
      Layer.merge(Layer.provide(Layer.effect(One, look), one), Layer.provide(Layer.effect(Other, look), other))
    )
  )

const organisation = Effect.map(NoukaiHttp, ({ defaults }) => defaults.org)

const options = (org: string) => ({ apiKey: Redacted.make("nk_test_0123456789"), org, project: "test" })

const of = (org: string) => Noukai.layerOptions(options(org))

const layers: { readonly [name: string]: (org: string) => Layer.Layer<NoukaiHttp, unknown> } = {
  layer: (org) => Noukai.layer(options(org)),
  layerConfig: (org) => {
    const { apiKey, project } = options(org)
    return Noukai.layerConfig({
      apiKey: Config.succeed(apiKey),
      org: Config.succeed(org),
      project: Config.succeed(project)
    })
  },
  layerFetch: (org) => Layer.provide(Noukai.layerFetch(fetch), of(org)),
  // constants are shared, unless they are made anew
  layerServices: (org) => Layer.provide(Layer.fresh(Noukai.layerServices), of(org)),
  layerHttpClient: (org) => Layer.provide(Layer.fresh(Noukai.layerHttpClient), [of(org), FetchHttpClient.layer]),
  "NoukaiHttp.layer": (org) => Layer.provide(Layer.fresh(Https.layer), of(org))
}

for (const [name, layer] of Object.entries(layers)) {
  it.effect(`each with its own account: ${name}`, () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* bothSee(organisation, layer("a"), layer("b")), ["a", "b"])
    }))
}

const flow = "acme/test/hello"

const said = Effect.flatMap(FlowService, (flows) => Effect.map(flows.execute(flow, {}), ({ result }) => result))

const scripted = (result: unknown) => layerScripted({ execute: [completed(result)] })

const replayed = (result: unknown) => NoukaiReplay.fromCassette(recording({ flow, result }))

const answers: { readonly [name: string]: (result: string) => Layer.Layer<FlowService, unknown> } = {
  layerScripted: (result) => Noukai.layerScripted({ execute: [completed(result)] }),
  layerTest: (result) => Noukai.layerTest(() => Effect.succeed(result)),
  layerOverHttp: (result) => Layer.provide(Noukai.layerOverHttp, scripted(result)),
  "NoukaiReplay.fromCassette": replayed
}

for (const [name, layer] of Object.entries(answers)) {
  it.effect(`each with its own answers: ${name}`, () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* bothSee(said, layer("a"), layer("b")), ["a", "b"])
      // beside one of another kind, a replay stays one
      assert.deepStrictEqual(yield* bothSee(said, layer("a"), replayed("replayed")), ["a", "replayed"])
      assert.deepStrictEqual(yield* bothSee(said, replayed("replayed"), layer("b")), ["replayed", "b"])
    }))
}

it.effect("a replay beside a live client sends nothing", () =>
  Effect.gen(function*() {
    const sent: Array<string> = []
    const live = Layer.provide(
      Noukai.layerFetch((url) => {
        sent.push(String(url))
        return Promise.reject(new Error("no network"))
      }),
      of("a")
    )
    const results = yield* bothSee(Effect.either(said), live, replayed("replayed"))
    assert.deepStrictEqual(results.map((one) => (one as { readonly _tag: string })._tag), ["Left", "Right"])
    assert.lengthOf(sent, 1)
    const job = Effect.flatMap(JobService, (jobs) => Effect.either(jobs.submit(flow, {})))
    yield* bothSee(job, Layer.merge(live, Layer.provide(Jobs.layer, live)), replayed("replayed"))
    assert.lengthOf(sent, 2)
  }))

it.effect("two relays are two", () =>
  Effect.gen(function*() {
    const relay = (name: string, sent: Array<string>) =>
      Relay.layerFetch({ url: `https://${name}.example/run`, flow: Flow.make(flow) }, (url) => {
        sent.push(new URL(String(url)).host)
        return Promise.reject(new Error("no network"))
      })
    const sent: Array<string> = []
    yield* bothSee(Effect.either(said), relay("a", sent), relay("b", sent))
    assert.deepStrictEqual(sent.sort(), ["a.example", "b.example"])
  }))

/** A layer of a service of an application, beside the client that it uses. */
const shared = <E>(client: Layer.Layer<NoukaiHttp | FlowService, E>) =>
  Effect.all([NoukaiHttp, One]).pipe(
    Effect.provide(Layer.provideMerge(Layer.effect(One, NoukaiHttp), client)),
    Effect.map(([http, one]) => http === one)
  )

it.effect("one that is provided once is one", () =>
  Effect.gen(function*() {
    assert.isTrue(yield* shared(Noukai.layer(options("a"))))
    assert.isTrue(yield* shared(Layer.provide(Noukai.layerServices, of("a"))))
    assert.isTrue(yield* shared(Layer.provide(Noukai.layerHttpClient, [of("a"), FetchHttpClient.layer])))
    assert.isTrue(yield* shared(replayed("a")))
    assert.isTrue(yield* shared(Noukai.layerScripted()))
    // the service of an application and the application itself use one client, however deep it is asked for
    const client = Noukai.layer(options("a"))
    const app = Layer.provideMerge(
      Layer.effect(Other, NoukaiHttp),
      Layer.provideMerge(Layer.effect(One, NoukaiHttp), client)
    )
    const [http, one, other] = yield* Effect.provide(Effect.all([NoukaiHttp, One, Other]), app)
    assert.isTrue(http === one && one === other)
  }))
