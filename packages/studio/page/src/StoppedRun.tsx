/** A run that this page began, and that stopped before its end. The server of the run does not say so. */
import { type ReactNode, useEffect, useState } from "react"
import { read, type Run, type StartedRun } from "./api.js"
import { Shape, Text, Words } from "./parts.js"
import { hasBegun } from "./startRun.js"
import { isEnded } from "./store.js"

/** The time between two questions while the run goes on, in milliseconds. */
const every = 2_000

/** Says why a run goes on no more, such as its cost limit. */
export const StoppedRun = ({ run }: { readonly run: Run }): ReactNode => {
  const [problem, setProblem] = useState<StartedRun["problem"]>()
  const { sessionId } = run
  const isAsked = sessionId !== undefined && !isEnded(run) && hasBegun(sessionId)
  useEffect(() => {
    setProblem(undefined)
    if (!isAsked) return
    const ending = new AbortController()
    const ask = (): void => {
      read("again.started", { intention: sessionId }, ending.signal).then(({ problem, state }) => {
        if (ending.signal.aborted || state !== "stopped") return
        window.clearInterval(timer)
        setProblem(problem ?? { message: "The reason is not known." })
      }, () => undefined)
    }
    const timer = window.setInterval(ask, every)
    ask()
    return () => {
      window.clearInterval(timer)
      ending.abort()
    }
  }, [sessionId, isAsked])
  return problem !== undefined && (
    <p className="stale" role="alert">
      <Shape status="failed" />
      <span>
        <strong>The run stopped before its end.</strong> <Text value={problem.message} />
        {problem.advice !== undefined && <> <Words value={problem.advice} /></>}
      </span>
    </p>
  )
}
