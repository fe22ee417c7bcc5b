import type { Noukai } from "@effect-noukai/promise"
import { currentSessionId, traceScope } from "@effect-noukai/promise"

const handle = async (noukai: Noukai) => {
  const first = await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
  const second = await noukai.flow("noukai/samples/two-step").execute({ message: "and then?" })
  return [first.result, second.result]
}

/** All runs inside belong to one session, wherever in the code they are. */
export const captured = (noukai: Noukai) =>
  traceScope(async () => ({ results: await handle(noukai), sessionId: currentSessionId()! }), { client: noukai })

/** The same code on what was recorded: no run, no bill. Needs NOUKAI_REPLAY_ENABLED=true. */
export const replayed = (noukai: Noukai, sessionId: string) =>
  traceScope(() => handle(noukai), { client: noukai, replaySessionId: sessionId })
