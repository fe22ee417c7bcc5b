/** Requests as a browser, another site or another program would send them. */
import { Effect, Stream } from "effect"
import * as Http from "node:http"

/** JSON, of which a test knows the shape. */
export type Parsed = ReturnType<typeof JSON.parse>

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
}

export interface Request {
  readonly method?: string
  readonly headers?: { readonly [name: string]: string }
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is. */
  readonly text?: string
}

/** Sends exactly this target, host and these headers. */
export const send = (
  port: number,
  target: string,
  { body, headers = {}, method = "GET", text }: Request = {}
): Effect.Effect<Answer> =>
  Effect.async((resume) => {
    const request = Http.request(
      {
        host: "127.0.0.1",
        port,
        path: target,
        method,
        headers: {
          host: `127.0.0.1:${port}`,
          ...body === undefined ? {} : { "content-type": "application/json" },
          ...headers
        },
        agent: false
      },
      (response) => {
        const parts: Array<Buffer> = []
        response.on("data", (part: Buffer) => parts.push(part))
        response.on("end", () =>
          resume(Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(parts).toString()
          })))
        response.on("error", (error) => resume(Effect.die(error)))
      }
    )
    request.on("error", (error) => resume(Effect.die(error)))
    request.end(body === undefined ? text : JSON.stringify(body))
    return Effect.sync(() => request.destroy())
  })

/** The cookie that a studio sets for its printed address, as a browser sends it back. */
export const cookieOf = (url: string): Effect.Effect<string> => {
  const { pathname, port, search } = new URL(url)
  return Effect.map(send(Number(port), pathname + search), ({ headers }) => headers["set-cookie"]![0]!.split(";")[0]!)
}

/** A browser that has opened the printed address. */
export interface Page {
  readonly port: number
  readonly cookie: string
  readonly get: (target: string) => Effect.Effect<Answer>
  /** Sends a request that changes something, as the page does. */
  readonly change: (method: "PUT" | "DELETE" | "POST", target: string, body?: unknown) => Effect.Effect<Answer>
  readonly json: <A = Parsed>(target: string) => Effect.Effect<A>
  readonly events: (target: string) => Stream.Stream<Event>
}

export interface Event {
  readonly event: string
  readonly data: Parsed
  readonly at: number
}

const parsed = (frame: string): ReadonlyArray<Event> => {
  const fields = new Map(
    frame.split("\n").map((line): [string, string] => {
      const colon = line.indexOf(": ")
      return [line.slice(0, colon), line.slice(colon + 2)]
    })
  )
  const event = fields.get("event")
  return event === undefined ? [] : [{ event, data: JSON.parse(fields.get("data") ?? "null"), at: Date.now() }]
}

/** The events of a response, until it ends or is cut. The connection is closed with the stream. */
export const eventsOf = (port: number, target: string, headers: Record<string, string>): Stream.Stream<Event> =>
  Stream.asyncPush<Event>((emit) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        let text = ""
        const request = Http.request({ host: "127.0.0.1", port, path: target, headers, agent: false }, (response) => {
          response.setEncoding("utf8")
          response.on("data", (part: string) => {
            text += part
            for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
              parsed(text.slice(0, end)).forEach((event) => emit.single(event))
              text = text.slice(end + 2)
            }
          })
          response.on("close", () => emit.end())
          response.on("error", () => {})
        })
        request.on("error", () => emit.end())
        request.end()
        return request
      }),
      (request) => Effect.sync(() => request.destroy())
    )
  )

export const open = (url: string): Effect.Effect<Page> =>
  Effect.map(cookieOf(url), (cookie) => {
    const port = Number(new URL(url).port)
    const get = (target: string) => send(port, target, { headers: { cookie } })
    return {
      port,
      cookie,
      get,
      change: (method, target, body) =>
        send(port, target, { method, body, headers: { cookie, origin: `http://127.0.0.1:${port}` } }),
      json: (target) => Effect.map(get(target), ({ text }) => JSON.parse(text)),
      events: (target) => eventsOf(port, target, { cookie })
    }
  })

/** Waits until something is so. */
export const until = <A, E>(read: Effect.Effect<A, E>, fits: (value: A) => boolean): Effect.Effect<A> => {
  const next: Effect.Effect<A, E> = Effect.flatMap(
    read,
    (value) => fits(value) ? Effect.succeed(value) : Effect.delay(Effect.suspend(() => next), "5 millis")
  )
  return Effect.orDie(Effect.timeout(next, "20 seconds"))
}
