import { sessions } from "@effect-noukai/adapters/express"
import express from "express"
import { noukai } from "./noukai.js"

export const app = express()
app.use(sessions({ client: noukai, exclude: ["/health"] }))

app.post("/ask", express.json(), async (request, response) => {
  const answer = await noukai.flow("noukai/samples/two-step").execute({ message: request.body.question })
  if (answer.status === "completed") response.json(answer.result)
  else response.status(502).json({ error: "flow_failed" })
})
