import { errorHandler, requestSignal, sessions } from "@effect-noukai/adapters/express"
import express from "express"
import { noukai } from "./noukai.js"

export const app = express()
app.use(sessions({ client: noukai, exclude: ["/health"] }))

app.post("/ask", express.json(), async (request, response) => {
  const answer = await noukai.flow("noukai/samples/two-step").execute({
    message: String(request.body.question),
    timeout: 60_000,
    signal: requestSignal(response) // a caller that leaves ends the call
  })
  response.json(answer.result)
})

app.use(errorHandler({ onError: (error) => console.error(error) })) // after the routes
