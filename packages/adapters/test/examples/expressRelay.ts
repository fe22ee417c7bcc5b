import { relay } from "@effect-noukai/adapters/express"
import express from "express"
import { noukai } from "./noukai.js"

const isLoggedIn = (request: express.Request) => request.get("authorization") === "Bearer my-login"

export const app = express()
app.post("/agent/execute", relay({ client: noukai, flow: "noukai/samples/hello-world", authorize: isLoggedIn }))
