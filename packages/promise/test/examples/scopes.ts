import { currentSessionId, type Noukai, traceScope } from "@effect-noukai/promise"

const handle = async (noukai: Noukai) => {
  const first = await noukai.flow("noukai/samples/hello-world").execute({ message: "hi" })
  const second = await noukai.flow("noukai/samples/two-step").execute({ message: "and then?" })
  return [first, second].map((run) => run.status === "completed" ? run.result : undefined)
}

/** All runs inside belong to one session, wherever in the code they are. */
export const captured = (noukai: Noukai) =>
  traceScope(async () => ({ results: await handle(noukai), sessionId: currentSessionId()! }), { client: noukai })

/**
 * The same code on what was recorded: no run, no bill, with NOUKAI_REPLAY_ENABLED=true. Without it the runs are LIVE and
 * billed, and a warning in the log is all that tells.
 */
export const replayed = (noukai: Noukai, sessionId: string) =>
  traceScope(() => handle(noukai), { client: noukai, replaySessionId: sessionId })
