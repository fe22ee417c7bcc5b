/** The app in Express. */
import { requestSignal, sessions } from "@effect-noukai/adapters/express"
import { currentSessionId } from "@effect-noukai/promise"
import express5, { type RequestHandler } from "express"
import express4 from "express4"
import { listen } from "../listen.js"
import { openClient, resultOf } from "../promiseClient.js"
import { answer, type Framework, never, type Setup, two } from "../world.js"

/** Express 4 leaves rejections to the handler. */
const caught = (handler: (...args: Parameters<RequestHandler>) => Promise<unknown>): RequestHandler => (...args) => {
  handler(...args).catch(args[2])
}

const app = (make: typeof express5) => async (setup: Setup) => {
  const { client, close } = openClient(setup)
  const app = make()
  app.use(sessions({ client, ...setup.options, onReplayError: setup.onReplayError }))
  app.use(make.text())
  const run = (message: string) => client.flow(answer).execute({ message })

  app.post(
    "/answer",
    caught(async (request, response) => {
      const result = resultOf(await run(request.body))
      response.json({ result, session: currentSessionId() })
    })
  )
  app.post("/none", (_request, response) => {
    response.json({ ok: true })
  })
  app.post(
    "/caught",
    caught(async (request, response) => {
      const result = await run(request.body).catch(() => undefined)
      response.json(result === undefined ? { fallback: true } : result)
    })
  )
  app.post(
    "/broken",
    caught(async (request) => {
      await run(request.body)
      throw new Error("broken")
    })
  )
  app.post(
    "/stream",
    caught(async (request, response) => {
      response.type("text/plain")
      const steps = client.flow(two).steps({ message: request.body, signal: requestSignal(response) })
      for await (const step of steps) {
        response.write(`${step.stepId} ${String(step.output)}\n`)
      }
      response.end()
    })
  )
  app.post(
    "/late",
    caught(async (_request, response) => {
      response.type("text/plain").write("begun\n")
      await run("late")
      response.end("done\n")
    })
  )
  app.post(
    "/never",
    caught(async (_request, response) => {
      response.json(await client.flow(never).execute({ signal: requestSignal(response) }))
    })
  )
  app.get("/health", (_request, response) => {
    response.json({ ok: true })
  })
  return listen(app, close)
}

export const express: ReadonlyArray<Framework> = [
  { name: "Express 4", start: app(express4 as unknown as typeof express5) },
  { name: "Express 5", start: app(express5) }
]
