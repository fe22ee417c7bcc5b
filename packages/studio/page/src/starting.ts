/** The start of a run from its form: one for each intention of the reader, whatever happens to the page. */
import { useEffect, useRef, useState } from "react"
import { read, type RunInput, type StartedRun } from "./api.js"
import { type AgainRoute, compareRoute, type Route, runRoute } from "./route.js"
import { newIntention, startRun } from "./startRun.js"
import { hasMoved, navigate, readErrorOf, set } from "./store.js"

export interface Problem {
  readonly message: string
  readonly advice?: string | undefined
}

/**
 * - `idle`: nothing was sent. `problem`: the last intention was refused, and nothing ran.
 * - `waiting`: it was sent, or its outcome is read.
 * - `known`: the run began before. The reader came back to its form.
 * - `doubt`: nobody knows whether it began.
 */
export type Starting =
  | { readonly _tag: "idle"; readonly problem?: Problem }
  | { readonly _tag: "waiting" }
  | { readonly _tag: "known"; readonly started: StartedRun & { readonly run: string } }
  | { readonly _tag: "doubt"; readonly problem: Problem }

const isKnown = (started: StartedRun): started is StartedRun & { readonly run: string } => started.run !== undefined

/** Where the run of a form is looked at: beside the one that it is like. */
export const viewOf = ({ flow, id }: AgainRoute, started: { readonly flow: string; readonly run: string }): Route =>
  id === undefined
    ? runRoute({ flow: started.flow, id: started.run })
    : compareRoute({ before: { flow, id }, after: { flow: started.flow, id: started.run } })

/** The time between two questions for an outcome, of which each waits at the server, in milliseconds. */
const between = 300

export interface StartOfRun {
  readonly starting: Starting
  /** Begins a run of the input, unless one is being begun. */
  readonly start: (studio: string, input: RunInput) => void
  /** Asks for the outcome again. Sends nothing that could begin a run. */
  readonly ask: () => void
  /** Forgets the intention: the next start is another run. */
  readonly forget: () => void
}

export const useStart = (route: AgainRoute): StartOfRun => {
  const [starting, setStarting] = useState<Starting>(
    route.started === undefined ? { _tag: "idle" } : { _tag: "waiting" }
  )
  const [asked, setAsked] = useState(0)
  /** The intention that this page has sent. */
  const sent = useRef<string>(undefined)
  /** Whether its answer is awaited. */
  const isSending = useRef(false)
  const isShown = useRef(true)
  useEffect(() => {
    isShown.current = true
    return () => {
      isShown.current = false
    }
  }, [])
  const { flow, id, started: intention } = route

  const refused = (problem: Problem): void => {
    if (!isShown.current) return set({ notice: "The run did not begin." })
    sent.current = undefined
    setStarting({ _tag: "idle", problem })
    navigate({ ...route, started: undefined }, { replace: true })
  }

  /** Takes an outcome. Returns whether it is the last one. */
  const take = (started: StartedRun, isNew: boolean): boolean => {
    if (started.state === "starting") return false
    const { problem = { message: "It is not known whether the run began." } } = started
    if (isKnown(started)) {
      if (isNew && isShown.current) navigate(viewOf(route, started))
      else if (isNew) set({ notice: "The run began." })
      setStarting({ _tag: "known", started })
    } else if (started.state === "refused") refused(problem)
    else setStarting({ _tag: "doubt", problem })
    return true
  }

  // the outcome of an intention that an earlier page sent, or that takes long
  useEffect(() => {
    if (intention === undefined) {
      sent.current = undefined
      setStarting((starting) => starting._tag === "idle" ? starting : { _tag: "idle" })
      return
    }
    if (isSending.current) return
    const ending = new AbortController()
    const { signal } = ending
    setStarting({ _tag: "waiting" })
    let wasStarting = sent.current === intention
    const readOutcome = async (): Promise<void> => {
      for (;;) {
        const started = await read("again.started", { intention }, signal)
        if (signal.aborted || take(started, wasStarting || !hasMoved())) return
        wasStarting = true
        await new Promise((resolve) => setTimeout(resolve, between))
        if (signal.aborted) return
      }
    }
    readOutcome().catch((error: unknown) => {
      if (!signal.aborted) setStarting({ _tag: "doubt", problem: readErrorOf(error) })
    })
    return () => ending.abort()
  }, [flow, id, intention, asked])

  const start = (studio: string, input: RunInput): void => {
    if (sent.current !== undefined) return
    const intention = newIntention()
    sent.current = intention
    isSending.current = true
    setStarting({ _tag: "waiting" })
    // in the address before it is sent: a page that is loaded again asks for the outcome
    navigate({ ...route, started: intention }, { replace: true })
    void startRun({ studio, intention, input }).then((answer) => {
      isSending.current = false
      if (answer._tag === "told") {
        if (!take(answer.started, true)) setAsked((asked) => asked + 1)
      } else if (answer._tag === "refused") refused(answer.error)
      else setStarting({ _tag: "doubt", problem: answer.error })
    })
  }

  return {
    starting,
    start,
    ask: () => setAsked((asked) => asked + 1),
    forget: () => {
      sent.current = undefined
      setStarting({ _tag: "idle" })
      navigate({ ...route, started: undefined }, { replace: true })
    }
  }
}
