import { webhooks } from "@effect-noukai/adapters/express"
import { Noukai } from "@effect-noukai/promise"
import { nudges } from "@effect-noukai/promise/webhook"
import express from "express"

const noukai = new Noukai()
const inbox = nudges()

export const app = express()

// before express.json(), which would read the bytes
app.post(
  "/hooks/noukai",
  webhooks({
    secrets: [process.env.NOUKAI_WEBHOOK_SECRET, process.env.NOUKAI_WEBHOOK_SECRET_OLD],
    onEvent: inbox.onEvent
  })
)

app.get("/", async (_request, response) => {
  const job = await noukai.flow("noukai/samples/two-step").executeAsync({
    message: "The cat sat.",
    callback: { url: process.env.WEBHOOK_URL!, nudges: inbox }
  })
  response.json(await job.wait({ timeout: 3_600_000 }))
})
