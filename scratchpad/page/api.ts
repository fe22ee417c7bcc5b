import { flowPage } from "@effect-noukai/adapters/express"
import { defineTool, Noukai } from "@effect-noukai/promise"
import express, { type Request } from "express"
import { z } from "zod"
import { Confirm, Confirmed } from "./tools.js"
import { turns } from "./turns.js"

/** Your login goes here: the user of a request, or false. */
const userOf = (_request: Request): { readonly id: string } | false => ({ id: "you" })

const findOrder = defineTool({
  name: "find_order",
  description: "Finds the order that a text is about",
  parameters: z.object({ text: z.string() }),
  run: ({ text }) => `the order of "${text}"`
})

export const api = express()

api.use(
  "/api/triage",
  flowPage({
    client: new Noukai(), // reads NOUKAI_API_KEY, which no page gets
    flow: "acme/support/triage",
    authorize: userOf,
    owner: (user) => user.id,
    serverTools: [findOrder],
    clientTools: { confirm: { description: "Asks the user", parameters: Confirm, result: Confirmed } },
    maxCostUsd: "0.05",
    timeout: "5 minutes",
    onDisconnect: "continue", // a reload finds the run again
    resume: "latest",
    turns: turns(process.env.TURNS ?? "turns.db")
  })
)
