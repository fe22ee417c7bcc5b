import { flowPage } from "@effect-noukai/adapters/express"
import express from "express"
import { noukai } from "./noukai.js"

const userOf = (request: express.Request) => request.get("authorization") === "Bearer my-login" && { id: "me" }

export const app = express()
app.use(
  "/api/chat",
  flowPage({ client: noukai, flow: "noukai/samples/two-step", authorize: userOf, owner: (user) => user.id })
)
