/** A form about a new run: the input of another run, changed. Its one button is the only thing of the studio that costs money. */
import { type ReactNode, useDeferredValue, useEffect, useMemo, useState } from "react"
import { commandOf, programOf } from "../../src/internal/runTexts.js"
import "./again.css"
import { AgainFields } from "./AgainFields.js"
import { type Draft, draftOf, inputOf, type Place, startingAt } from "./againForm.js"
import type { ReadError, RunForm, RunInput, VersionCosts } from "./api.js"
import { costText, exactCost, oneLine, plural } from "./format.js"
import { useKeys } from "./keys.js"
import { Button, Failure, Icon, Link, Main, Notes, Shape, Snippet, Text, Wait, Words } from "./parts.js"
import { presence, useRead, useStream } from "./reads.js"
import { type AgainRoute, type Route, runRoute, runsRoute, sessionRoute } from "./route.js"
import { type Starting, type StartOfRun, useStart, viewOf } from "./starting.js"
import { navigate, useApp } from "./store.js"

const before = ({ flow, id }: AgainRoute): Route => id === undefined ? runsRoute({ flow }) : runRoute({ flow, id })

// --- edits, which outlive a reload -------------------------------------------

/** The most characters of a draft that the browser keeps. */
const mostKept = 1_000_000

const keyOf = ({ at, flow, id }: AgainRoute): string => `again ${JSON.stringify([flow, id ?? null, ...at === undefined ? [] : [at]])}`

const keptDraft = (route: AgainRoute): Draft | undefined => {
  try {
    const draft = JSON.parse(sessionStorage.getItem(keyOf(route)) ?? "null") as Draft | null
    return draft !== null && [draft.entries, draft.attachments, draft.outputs].every(Array.isArray) ? draft : undefined
  } catch {
    return undefined
  }
}

const keepDraft = (route: AgainRoute, draft: Draft | undefined): void => {
  try {
    const text = draft === undefined ? "" : JSON.stringify(draft)
    if (text === "" || text.length > mostKept) sessionStorage.removeItem(keyOf(route))
    else sessionStorage.setItem(keyOf(route), text)
  } catch {
    // a browser may keep nothing: then a reload forgets the edits
  }
}

// --- parts ---------------------------------------------------------------------

/** A version in a sentence. */
const versionName = (version: string): string =>
  version === "draft" ? "the draft" : version === "production" ? "the version in production" : `version ${version}`

/** The version that a form names. */
const versionIn = ({ version }: Draft): string => version.trim() === "" ? "production" : version.trim()

/** The costs of runs that are like the new one. */
const Range = ({ costs: { least, median, most, runs }, of }: { readonly costs: VersionCosts; readonly of: string }): ReactNode =>
  runs === 1
    ? <>One run {of} cost <span className="strong">{exactCost(median)}</span>.</>
    : (
      <>
        {plural(runs, "run")} {of} cost <span className="strong">{exactCost(least)}</span> to{" "}
        <span className="strong">{exactCost(most)}</span>, median <span className="strong">{exactCost(median)}</span>.
      </>
    )

/** The cost of a run of a version, as far as it is known before. */
const Costs = ({ costs, from, later, version }: {
  readonly costs: RunForm["costs"]
  /** The step at which the run begins, if it is not the first. */
  readonly from: string | undefined
  readonly later: RunForm["later"]
  readonly version: string
}): ReactNode => {
  const isEmulator = useApp(({ source }) => source?.kind === "emulator")
  const known = costs.find((one) => one.version === version)
  const others = costs.find((one) => one.version === undefined)
  return (
    <div className="again-costs">
      {from !== undefined && <RestCosts from={from} later={later} />}
      <p>
        <strong>{from === undefined ? "A new run" : "A whole run"} pays for all of its steps.</strong>{" "}
        {known === undefined
          ? <>What a run of <Text value={versionName(version)} /> costs is not known: no run of it with a known cost was found.</>
          : <Range costs={known} of={`of ${versionName(version)}`} />}
        {known === undefined && others !== undefined && <> <Range costs={others} of="whose version is not known" /></>}
      </p>
      {isEmulator && <p className="muted">This server is an emulator: its costs are simulated.</p>}
    </div>
  )
}

/** The cost of the steps from one on, in the run that the form is like. */
const restOf = (later: RunForm["later"], from: string | undefined): string | undefined =>
  costText(later.find(({ stepId }) => stepId === from) ?? {}, exactCost)

const RestCosts = ({ from, later }: { readonly from: string; readonly later: RunForm["later"] }): ReactNode => {
  const cost = restOf(later, from)
  return (
    <p>
      <strong>The new run pays for its steps from <Text value={from} /> on.</strong>{" "}
      {cost === undefined
        ? "Their cost is not known: the run did not complete them, or does not tell it."
        : <>In the run, they cost <span className="strong">{cost}</span>.</>}
    </p>
  )
}

/** The texts that begin the same run elsewhere. */
const Texts = ({ input }: { readonly input: RunInput | undefined }): ReactNode => {
  const source = useApp(({ source }) => source)
  const shown = useDeferredValue(input)
  const texts = useMemo(
    () => shown === undefined || source === undefined ? undefined : { ...commandOf(source, shown), program: programOf(shown) },
    [shown, source]
  )
  return (
    <section className="again-texts" aria-labelledby="again-code">
      <h2 id="again-code">As code</h2>
      <p className="muted">The same run from a terminal or a program. No text holds a key.</p>
      {texts === undefined
        ? <p className="muted">The code appears when the fields have no problems.</p>
        : (
          <>
            <Notes notes={texts.notes} />
            {texts.command !== "" && <Snippet name="Command" text={texts.command} />}
            <Snippet name="TypeScript" text={texts.program} />
          </>
        )}
    </section>
  )
}

type Doubted = Extract<Starting, { readonly _tag: "doubt" }>

/** An outcome that nobody knows: nothing is sent again by itself. */
const Doubt = ({ intention, problem, start }: {
  readonly intention: string | undefined
  readonly problem: Doubted["problem"]
  readonly start: StartOfRun
}): ReactNode => {
  const isEmulator = useApp(({ source }) => source?.kind === "emulator")
  // the list of the hosted service knows few sessions; a session is read from the server
  const place = intention === undefined ? runsRoute() : isEmulator ? runsRoute({ session: intention }) : sessionRoute(intention)
  return (
    <section className="again-state is-bad-state" role="alert">
      <Shape status="doubt" />
      <div>
        <h2>It is not known whether the run began</h2>
        <p><Text value={problem.message} />{problem.advice !== undefined && <> <Words value={problem.advice} /></>}</p>
        <p>The run may go on and may be billed. The page does not send it again. Look first whether it ran.</p>
        <div className="again-buttons">
          <Link className="button button-primary" to={place}>Look whether it ran</Link>
          <Button onClick={start.ask}>Ask the studio again</Button>
          <Button kind="quiet" onClick={start.forget}>Back to the form</Button>
        </div>
      </div>
    </section>
  )
}

const Known = ({ route, start, started }: {
  readonly route: AgainRoute
  readonly start: StartOfRun
  readonly started: Extract<Starting, { readonly _tag: "known" }>["started"]
}): ReactNode => (
  <section className="again-state" role="status">
    <Shape status="completed" />
    <div>
      <h2>This form has begun a run</h2>
      <p><code><Text value={started.run} /></code></p>
      {started.problem !== undefined && <p><Text value={started.problem.message} /></p>}
      <div className="again-buttons">
        <Link className="button button-primary" to={viewOf(route, started)}>{route.id === undefined ? "Look at it" : "Compare the runs"}</Link>
        <Button onClick={start.forget}>Fill in the form for another run</Button>
      </div>
    </div>
  </section>
)

/** The button, and what the last intention came to. */
const Start = ({ costs, form, from, input, onTry, problems, start }: {
  /** The costs of the version that the form names. */
  readonly costs: VersionCosts | undefined
  readonly form: RunForm
  /** The step at which the run begins, if it is not the first. */
  readonly from: string | undefined
  readonly input: RunInput | undefined
  readonly onTry: () => void
  readonly problems: number
  readonly start: StartOfRun
}): ReactNode => {
  const isConnected = useApp(({ connection }) => connection !== "lost" && connection !== "refused")
  const { starting } = start
  const problem = starting._tag === "idle" ? starting.problem : undefined
  const rest = restOf(form.later, from)
  if (!form.canStart) {
    return (
      <p className="again-start muted">
        <Words value={form.whyNot ?? "This studio starts no runs. Copy the command, and run it in a terminal."} />
      </p>
    )
  }
  const isWaiting = starting._tag === "waiting"
  return (
    <div className="again-start">
      <div role="alert" className="again-told">
        {problem !== undefined && (
          <p className="is-bad">
            Nothing ran: <Text value={problem.message} />{problem.advice !== undefined && <> <Words value={problem.advice} /></>}
          </p>
        )}
      </div>
      <div className="again-buttons">
        <Button
          kind="primary"
          disabled={isWaiting || !isConnected}
          onClick={() => {
            onTry()
            if (input === undefined) {
              // after the problems are shown
              requestAnimationFrame(() => document.querySelector<HTMLElement>(".again-fields [aria-invalid=true]")?.focus())
            } else start.start(form.studio, input)
          }}
        >
          {isWaiting ? "The run begins…" : "Start the run"}
        </Button>
        <small role="status">
          {isWaiting
            ? "Waiting for its id. The run goes on if you close the page."
            : !isConnected
            ? "The studio does not answer."
            : problems > 0
            ? `${plural(problems, "field")} to mend`
            : from !== undefined
            ? `You pay for the steps from ${oneLine(from)} on${rest === undefined ? ". No earlier run tells how much." : `: about ${rest}, as in the run.`}`
            : costs === undefined
            ? "You pay for this run. No earlier run tells how much."
            : `You pay for this run: about ${exactCost(costs.median)}, the median of ${plural(costs.runs, "run")}.`}
        </small>
      </div>
    </div>
  )
}

// --- the view ------------------------------------------------------------------

const Body = ({ error, form, reload, route }: {
  readonly error: ReadError | undefined
  readonly form: RunForm
  readonly reload: () => void
  readonly route: AgainRoute
}): ReactNode => {
  const first = useMemo(() => {
    const draft = draftOf(form)
    return { ...draft, ...startingAt(form, draft, route.at) }
  }, [form, route.at])
  const [edited, setEdited] = useState(() => keptDraft(route))
  const [isTried, setTried] = useState(false)
  const draft = edited ?? first
  const version = versionIn(draft)
  const needsMessage = form.needsMessage === true
  const { input, problems } = useMemo(() => inputOf(route.flow, needsMessage, draft), [route.flow, needsMessage, draft])
  const start = useStart(route)
  const { starting } = start
  // a form of another start of the studio is read again
  const isRefused = starting._tag === "idle" && starting.problem !== undefined
  useEffect(() => {
    if (isRefused) reload()
  }, [isRefused, reload])
  const kept = useDeferredValue(edited)
  useEffect(() => keepDraft(route, kept), [route, kept])
  /** Fields that are still empty are no problem before the first try. */
  const problemOf = (place: Place): string | undefined => {
    const nth = Number(place.split(" ")[1])
    const text = place.startsWith("parameter")
      ? draft.entries[nth]?.text
      : place.startsWith("attachment")
      ? draft.attachments[nth]?.url
      : place === "message" ? draft.message : "x"
    return isTried || (text ?? "") !== "" ? problems.get(place) : undefined
  }
  return (
    <Main className="run again">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={before(route)}><Icon name="left" /> {route.id === undefined ? "Runs" : "Run"}</Link></nav>
          <h1>Run <Text value={route.flow} />{route.id !== undefined && " again"}</h1>
        </div>
        {route.id !== undefined && (
          <p className="run-id again-like">With the input of <code><Text value={route.id} /></code></p>
        )}
        <Costs costs={form.costs} from={draft.from?.stepId} later={form.later} version={version} />
        {error !== undefined && (
          <p className="stale" role="alert">
            <span>The form could not be read again: <Text value={error.message} /></span>
            <Button kind="quiet" onClick={reload}>Try again</Button>
          </p>
        )}
        <Notes notes={form.notes} />
      </div>
      {starting._tag === "doubt" && <Doubt intention={route.started} problem={starting.problem} start={start} />}
      {starting._tag === "known" && <Known route={route} start={start} started={starting.started} />}
      {starting._tag !== "doubt" && starting._tag !== "known" && (
        <div className="again-body">
          <section className="again-form" aria-label="Input of the run">
            <fieldset className="again-fields" disabled={starting._tag === "waiting"}>
              <AgainFields
                draft={draft}
                form={form}
                problemOf={problemOf}
                change={(part) => setEdited({ ...draft, ...part })}
              />
            </fieldset>
            {edited !== undefined && starting._tag === "idle" && (
              <p>
                <Button
                  kind="quiet"
                  onClick={() => {
                    setEdited(undefined)
                    setTried(false)
                  }}
                >
                  Undo all edits
                </Button>
              </p>
            )}
            <Start
              costs={form.costs.find((one) => one.version === version)}
              form={form}
              from={draft.from?.stepId}
              input={input}
              onTry={() => setTried(true)}
              problems={isTried ? problems.size : 0}
              start={start}
            />
          </section>
          <Texts input={input} />
        </div>
      )}
    </Main>
  )
}

const AgainView = ({ route }: { readonly route: AgainRoute }): ReactNode => {
  const { flow, id } = route
  const { data, error, reload } = useRead("again.form", { flow, id })
  useStream(presence.name, presence.params, {})
  useKeys({ Escape: () => navigate(before(route)) })
  if (data === undefined) {
    return (
      <Main className="run again">
        {error === undefined
          ? <Wait what="the input of the run" />
          : (
            <>
              <h1 className="offscreen">Run <Text value={flow} /> again</h1>
              <Failure
                title={error.status !== 404 ? "The form could not be made" : id === undefined ? "There is no such flow" : "There is no such run"}
                error={error}
                onRetry={reload}
              >
                <Link className="button button-plain" to={runsRoute()}>Show all runs</Link>
              </Failure>
            </>
          )}
      </Main>
    )
  }
  return <Body error={error} form={data} reload={reload} route={route} />
}

export default AgainView
