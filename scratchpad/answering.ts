import { FlowService, TraceScope } from "@effect-noukai/sdk"
import { Effect } from "effect"

// one request of an application: two flows, the second fed by the first
const answering = (question: string) =>
  Effect.gen(function*() {
    const flows = yield* FlowService
    const greeting = yield* flows.execute("noukai/samples/hello-world", { message: question })
    const answer = yield* flows.execute("noukai/samples/two-step", { message: question })
    return { greeting: greeting.result, answer: answer.result, sessionId: yield* TraceScope.currentSessionId }
  })

// captured: its runs are tagged with one session id, which you keep with your logs
export const handler = (question: string) => TraceScope.capture(answering(question))

// with the id of a request that went wrong, what it ran is not run again (needs NOUKAI_REPLAY_ENABLED=1)
export const again = (question: string, sessionId: string) => answering(question).pipe(TraceScope.replay(sessionId))
