/** The app as handlers of web requests, on servers of Node. */
import { withNoukaiTrace } from "@effect-noukai/adapters/nextjs"
import { sessions } from "@effect-noukai/adapters/web"
import { currentSessionId, type Noukai } from "@effect-noukai/promise"
import { Hono } from "hono"
import { listenWeb } from "../listen.js"
import { openClient, resultOf } from "../promiseClient.js"
import { answer, type Framework, never, type Setup, two } from "../world.js"

type Handler = (request: Request) => Response | Promise<Response>

const handlers = (client: Noukai): { readonly [route: string]: Handler } => {
  const run = async (request: Request) => client.flow(answer).execute({ message: await request.text() })
  return {
    "POST /answer": async (request) => {
      const result = resultOf(await run(request))
      return Response.json({ result, session: currentSessionId() })
    },
    "POST /none": () => Response.json({ ok: true }),
    "POST /caught": async (request) => {
      const result = await run(request).catch(() => undefined)
      return Response.json(result === undefined ? { fallback: true } : result)
    },
    "POST /broken": async (request) => {
      await run(request)
      throw new Error("broken")
    },
    "POST /stream": async (request) => {
      const steps = client.flow(two).steps({ message: await request.text() })[Symbol.asyncIterator]()
      const encoder = new TextEncoder()
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          const { done, value } = await steps.next()
          if (done) controller.close()
          else controller.enqueue(encoder.encode(`${value.stepId} ${String(value.output)}\n`))
        },
        cancel: async () => {
          await steps.return?.()
        }
      })
      return new Response(body, { headers: { "content-type": "text/plain" } })
    },
    "POST /late": () => {
      const encoder = new TextEncoder()
      const lines = (async function*() {
        yield "begun\n"
        await client.flow(answer).execute({ message: "late" })
        yield "done\n"
      })()
      const body = new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          const { done, value } = await lines.next()
          if (done === true) controller.close()
          else controller.enqueue(encoder.encode(value))
        }
      })
      return new Response(body, { headers: { "content-type": "text/plain" } })
    },
    "POST /never": async (request) => Response.json(await client.flow(never).execute({ signal: request.signal })),
    "GET /health": () => Response.json({ ok: true })
  }
}

const routed = (routes: { readonly [route: string]: Handler }): Handler => (request) =>
  routes[`${request.method} ${new URL(request.url).pathname}`]?.(request) ?? new Response(null, { status: 404 })

const failed = (error: unknown) => new Response(`failed: ${String(error)}`, { status: 500 })

const served = (fetch: Handler, close: () => Promise<void>) => listenWeb(fetch, close, { errorHandler: failed })

const plain = async (setup: Setup) => {
  const { client, close } = openClient(setup)
  const { onReplayError, options } = setup
  return served(sessions(routed(handlers(client)), { client, ...options, onReplayError }), close)
}

const routes = async (setup: Setup) => {
  const { client, close } = openClient(setup)
  const { onReplayError, options } = setup
  const traced = Object.entries(handlers(client)).map(([route, handler]) =>
    [route, withNoukaiTrace(handler, { client, ...options, onReplayError })] as const
  )
  return served(routed(Object.fromEntries(traced)), close)
}

const hono = async (setup: Setup) => {
  const { client, close } = openClient(setup)
  const { onReplayError, options } = setup
  const app = new Hono()
  for (const [route, handler] of Object.entries(handlers(client))) {
    const [method = "", path = ""] = route.split(" ")
    app.on(method, path, (context) => handler(context.req.raw))
  }
  app.onError(failed)
  return served(sessions(app.fetch, { client, ...options, onReplayError }), close)
}

export const web: ReadonlyArray<Framework> = [
  { name: "web handler", start: plain },
  { name: "route handlers, as Next.js has them", start: routes },
  { name: "Hono", start: hono }
]
