import { Noukai } from "@effect-noukai/promise"
import { trace } from "@opentelemetry/api"

/** The span of the run is below the span of the request. Its steps are below it. */
export const handle = (message: string) =>
  trace.getTracer("my-app").startActiveSpan("GET /ask", async (span) => {
    await using noukai = new Noukai({ otel: true, otelSteps: true })
    try {
      const run = await noukai.flow("noukai/samples/two-step").execute({ message })
      return run.status === "completed" ? run.result : undefined
    } finally {
      span.end()
    }
  })
