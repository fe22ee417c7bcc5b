/** Two runs side by side: their steps, the place where they part, their times and costs. */
import type { StepDiff, StepSide, TraceDiff } from "@effect-noukai/report/TraceDiff"
import { memo, type ReactNode, useMemo, useState } from "react"
import type { Run, RunComparison, StepComparison } from "./api.js"
import "./compare.css"
import { Chooser } from "./CompareChooser.js"
import {
  differencesOf,
  exactMillis,
  kindOf,
  listedSteps,
  type Live,
  openStep,
  placeOf,
  signedCost,
  signedMillis,
  soFarText,
  stepName,
  verdictText
} from "./compareWords.js"
import { Changes, MarkedText } from "./Diff.js"
import { costText, count, exactCost, instant, moment, oneLine } from "./format.js"
import { useKeys } from "./keys.js"
import { Breakdown, type BreakdownPart, Command, Stale, TextField } from "./ledgerParts.js"
import { Button, Fact, Failure, Icon, Link, Main, Notes, RunStatus, Status, Text, Unknown, Wait } from "./parts.js"
import { presence, useRead, useStream, useWhenChanged } from "./reads.js"
import { type CompareRoute, compareRoute, type CompareShow, type RunName, runRoute } from "./route.js"
import { StoppedRun } from "./StoppedRun.js"
import { isEnded, lastList, navigate } from "./store.js"
import { WindowedTable } from "./WindowedTable.js"

/** The time between two reads while a run goes on, in milliseconds. */
const often = 1_000

interface Pair {
  readonly before: RunName
  readonly after: RunName
}

const paramsOf = ({ after, before }: Pair) => ({
  beforeFlow: before.flow,
  before: before.id,
  afterFlow: after.flow,
  after: after.id
})

/** The address of the same two runs with another choice of steps. */
const listed = (route: CompareRoute, show: CompareShow | undefined): CompareRoute => ({ ...route, show, step: "none" })

const Side = ({ name, other, run }: {
  readonly name: "First run" | "Second run"
  readonly other: RunName
  readonly run: Run
}): ReactNode => (
  <section className="side" aria-label={name}>
    <h2>{name} <RunStatus run={run} /></h2>
    <Link className="button button-quiet" to={compareRoute(name === "First run" ? { after: other } : { before: other })}>
      Change…<span className="offscreen"> {name.toLowerCase()}</span>
    </Link>
    <Link className="side-run mono" title={oneLine(run.id)} to={runRoute(run)}><Text value={run.id} /></Link>
    <p className="side-facts">
      <span><Text value={run.flow} /></span>
      {run.version !== undefined && <span className="tag" title="Version"><Text value={run.version} /></span>}
      {run.startedAt !== undefined && <span title={instant(run.startedAt)}>{moment(run.startedAt)}</span>}
    </p>
  </section>
)

const amountOf = (side: TraceDiff["before"]): string => costText(side, exactCost) ?? "unknown"

const Facts = ({ difference }: { readonly difference: TraceDiff }): ReactNode => {
  const { after, before, costUsd, wallMs } = difference
  return (
    <dl className="facts run-facts">
      <Fact name="Time" note={`${exactMillis(before.wallMs)} → ${exactMillis(after.wallMs)}`}>
        <strong>{signedMillis(wallMs)}</strong>
      </Fact>
      <Fact
        name="Cost"
        note={`${amountOf(before)} → ${amountOf(after)}${before.isCostKnown && after.isCostKnown ? "" : ", not wholly known"}`}
      >
        {costUsd === undefined ? <Unknown /> : <strong>{signedCost(costUsd)}</strong>}
      </Fact>
      <Fact name="Steps" note={`${count(before.stepCount)} → ${count(after.stepCount)}`}>
        <strong>{after.stepCount === before.stepCount ? "0" : `${after.stepCount < before.stepCount ? "−" : "+"}${count(Math.abs(after.stepCount - before.stepCount))}`}</strong>
      </Fact>
    </dl>
  )
}

const tones = [["changed", "good"], ["missing", "bad"], ["new", "better"], ["same", "off"]] as const

const partsOf = ({ counts }: TraceDiff, route: CompareRoute, live: Live): ReadonlyArray<BreakdownPart> =>
  tones.map(([kind, tone]) => ({
    name: live.after && kind === "missing" ? "not yet" : kind,
    count: counts[kind],
    tone: live.after && kind === "missing" ? "open" : tone,
    isCurrent: route.show === kind,
    to: listed(route, route.show === kind ? undefined : kind)
  }))

/** A value of both runs and the difference. */
const PairCell = ({ by, className, has, is, name, was }: {
  readonly by: string | undefined
  readonly className: string
  /** Whether each run has the step. */
  readonly has: readonly [before: boolean, after: boolean]
  readonly is: string | undefined
  readonly name: string
  readonly was: string | undefined
}): ReactNode => (
  <span role="cell" className={`c-pair ${className}`}>
    <i>{name}</i>
    <span title={was}>{was ?? (has[0] ? <Unknown /> : "")}</span>
    {has[0] && has[1] && <span className="c-arrow" aria-hidden="true">→</span>}
    <span title={is}>{is ?? (has[1] ? <Unknown /> : "")}</span>
    <span className={/[1-9]/.test(by ?? "") ? "c-by" : "c-by is-none"} title={by}>{by ?? <Unknown />}</span>
  </span>
)

const usdOf = (side: StepSide | undefined): string | undefined =>
  side?.isCostUnknown ? "unknown" : side?.costUsd === undefined ? undefined : exactCost(side.costUsd)

const msOf = (ms: number | undefined): string | undefined => ms === undefined ? undefined : exactMillis(ms)

const StepRow = memo(function StepRow({ index, isOpen, isParting, live, pair, place, route, step, tabIndex }: {
  /** The place of the step in the comparison. */
  readonly index: number
  readonly isOpen: boolean
  readonly isParting: boolean
  readonly live: Live
  readonly pair: Pair
  readonly place: number
  readonly route: CompareRoute
  readonly step: StepDiff
  readonly tabIndex: 0 | -1
}): ReactNode {
  const { after, before } = step
  const [status, word] = kindOf(step, live)
  const name = oneLine(stepName(step).slice(0, 300))
  const has = [before !== undefined, after !== undefined] as const
  const differences = oneLine(differencesOf(step).join(", "))
  return (
    <>
      <div role="row" aria-rowindex={place + 2} className={isParting ? "lrow is-parting" : "lrow"}>
        <span role="cell" className="c-status">
          <Status status={status} word={word} />
        </span>
        <span role="cell" className="c-main">
          <Link
            className="row-link"
            expanded={isOpen}
            label={`${name}, ${word}${isParting ? ", the runs part here" : ""}`}
            replace
            tabIndex={tabIndex}
            title={name}
            to={{ ...route, step: isOpen ? "none" : placeOf(step) }}
          >
            <bdi className="strong">{oneLine(step.stepId.slice(0, 300))}</bdi>
            {step.loopIndex !== undefined && <span className="muted"> [{count(step.loopIndex)}]</span>}
          </Link>
          {step.attempt !== 1 && <span className="tag">attempt {count(step.attempt)}</span>}
          {isParting && <span className="tag tag-parting">the runs part here</span>}
        </span>
        <span role="cell" className="c-what" title={differences}>
          {differences !== "" && <Text value={differences} />}
        </span>
        <PairCell
          name="Time"
          className="c-time"
          has={has}
          was={msOf(before?.durationMs)}
          is={msOf(after?.durationMs)}
          by={step.durationMs === undefined ? undefined : signedMillis(step.durationMs)}
        />
        <PairCell
          name="Cost"
          className="c-cost"
          has={has}
          was={usdOf(before)}
          is={usdOf(after)}
          by={step.costUsd === undefined ? undefined : signedCost(step.costUsd)}
        />
      </div>
      {isOpen && (
        <div role="row" className="lopen">
          <div role="cell" aria-colspan={5}>
            <section aria-label={`Step ${name}`}><StepPanel at={index} pair={pair} step={step} /></section>
          </div>
        </div>
      )}
    </>
  )
})

const payloads = [["input", "Input"], ["output", "Output"], ["error", "Error"]] as const

/** The differences of a payload: words of texts, and paths of other values. */
const PayloadDiff = ({ detail, name, of }: {
  readonly detail: StepComparison
  readonly name: string
  readonly of: "input" | "output" | "error"
}): ReactNode => {
  const changes = detail.step[of]
  const parts = detail.parts.filter((one) => one.of === of)
  if (changes === undefined || changes.length === 0) return null
  const marked = new Set(parts.map(({ path }) => path))
  const others = changes.filter(({ path }) => !marked.has(path))
  return (
    <section className="step-payload" aria-label={name}>
      <h3>{name}</h3>
      {parts.map(({ parts, path }) => (
        <div key={path} className="pair">
          {(["before", "after"] as const).map((side) => (
            <section key={side} className="payload">
              <h4>{side === "before" ? "First run" : "Second run"} <small className="mono"><Text value={path.slice(0, 200)} /></small></h4>
              <MarkedText label={oneLine(`${name} of the ${side === "before" ? "first" : "second"} run, ${path.slice(0, 200)}`)} parts={parts} side={side} />
            </section>
          ))}
        </div>
      ))}
      {others.length > 0 && (
        <Changes before="First run" after="Second run" changes={others} label={`Differences of the ${name.toLowerCase()}`} limit={detail.step.hasMore ? changes.length : Infinity} />
      )}
    </section>
  )
}

/** The differences of a step. They are read when it opens. */
const StepPanel = ({ at, pair, step }: {
  readonly at: number
  readonly pair: Pair
  readonly step: StepDiff
}): ReactNode => {
  const { after, before } = step
  const { data, error, isOld, reload } = useRead("compare.stepDiff", { ...paramsOf(pair), at })
  // a step of a run that goes on
  useWhenChanged(JSON.stringify([step.kind, before, after]), 0, reload)
  const link = (side: "before" | "after"): ReactNode =>
    step[side] !== undefined && (
      <Link
        to={{
          ...runRoute(pair[side]),
          step: step.stepId,
          loop: step.loopIndex,
          attempt: step.attempt === 1 ? undefined : step.attempt
        }}
      >
        Open it in the {side === "before" ? "first" : "second"} run
      </Link>
    )
  const was = (value: string | number | undefined): string => value === undefined ? "unknown" : String(value)
  const fact = (name: string, first: string | number | undefined, second: string | number | undefined): ReactNode =>
    (first !== undefined || second !== undefined) && (
      <Fact name={name}>
        <Text value={before === undefined ? was(second) : after === undefined || first === second ? was(first) : `${was(first)} → ${was(second)}`} />
      </Fact>
    )
  // the steps of a run that goes on may have moved since they were listed
  const isOther = data !== undefined && stepName(data.step) !== stepName(step)
  const isEqual = data !== undefined && payloads.every(([of]) => (data.step[of] ?? []).length === 0)
  return (
    <div className="case-body">
      <p className="step-links">{link("before")}{link("after")}</p>
      <dl className="facts">
        {fact("Position in the run", before?.place, after?.place)}
        {fact("Status", before?.status, after?.status)}
        {fact("Model", before?.modelUsed, after?.modelUsed)}
      </dl>
      {before === undefined || after === undefined
        ? <p className="muted">Only the {before === undefined ? "second" : "first"} run has this step.</p>
        : data === undefined || isOld || isOther
        ? error === undefined
          ? <Wait kind="lines" what="the step" />
          : <Failure title="The step could not be read" error={error} onRetry={reload} />
        : (
          <>
            <Stale error={error} onRetry={reload} />
            {isEqual && (
              <p className="muted">
                {data.step.input === undefined ? "Inputs and outputs were not compared: one of the runs has none stored." : "Input and output are equal."}
              </p>
            )}
            {payloads.map(([of, name]) => <PayloadDiff key={of} detail={data} name={name} of={of} />)}
            {data.step.hasMore && <p className="muted">There are more differences than are listed.</p>}
            {data.step.isCut && <p className="muted">The server cut a stored value of this step. Values that look equal may differ after the cut.</p>}
          </>
        )}
    </div>
  )
}

const head = (
  <>
    {["Kind", "Step", "Differences"].map((name) => <span key={name} role="columnheader">{name}</span>)}
    {["Time", "Cost"].map((name) => (
      <span key={name} role="columnheader" className="c-pair"><span>{name}, first</span><span>second</span><span>difference</span></span>
    ))}
  </>
)

const swapped = ({ after, before }: Pair): CompareRoute => compareRoute({ before: after, after: before })

const goBack = (): void => navigate(lastList())

const Comparison = ({ data, error, pair, reload, route }: {
  readonly data: RunComparison
  readonly error: Parameters<typeof Stale>[0]["error"]
  readonly pair: Pair
  readonly reload: () => void
  readonly route: CompareRoute
}): ReactNode => {
  const { difference } = data
  const { counts, partsAt, steps } = difference
  const [isBeforeLive, isAfterLive] = [!isEnded(data.before), !isEnded(data.after)]
  const live = useMemo(() => ({ before: isBeforeLive, after: isAfterLive }), [isBeforeLive, isAfterLive])
  const isLive = isBeforeLive || isAfterLive
  const open = openStep(difference, route.step, isLive)
  const rows = useMemo(() => listedSteps(steps, route, open), [steps, route.find, route.show, open])
  const parting = partsAt === undefined ? undefined : steps[partsAt]
  const toggle = (): void => navigate(listed(route, route.show === "all" ? undefined : "all"), { replace: true })
  useKeys({
    d: toggle,
    Escape: () => {
      if (typeof route.step === "object") navigate({ ...route, step: "none" }, { replace: true })
      else if (route.find !== "" || route.show !== undefined) navigate({ ...route, find: "", show: undefined }, { replace: true })
      else goBack()
    }
  })
  return (
    <Main className="ledger compare">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={lastList()}><Icon name="left" /> Runs</Link></nav>
          <h1>Compare two runs</h1>
        </div>
        <div className="run-actions">
          <Link className="button button-plain" to={swapped(pair)}>Swap</Link>
        </div>
        <div className="sides">
          <Side name="First run" run={data.before} other={pair.after} />
          <Side name="Second run" run={data.after} other={pair.before} />
        </div>
        <p className="sentence parts-line" aria-live="polite">
          <span>{isLive ? soFarText(difference, live) : verdictText(difference)}</span>
          {parting !== undefined && (
            <span>
              They part at{" "}
              <Link to={{ ...route, step: placeOf(parting) }}><Text value={stepName(parting).slice(0, 120)} /></Link>.
            </span>
          )}
        </p>
        <Facts difference={difference} />
        <Stale error={error} onRetry={reload} />
        <StoppedRun run={data.after} />
        <Notes notes={data.notes} />
        <details className="commands">
          <summary>Command</summary>
          <Command command={data.command} />
        </details>
      </div>
      <section className="lbody" aria-label="Steps">
        <h2 className="offscreen">Steps</h2>
        <div className="compare-tools">
          <Breakdown label="Steps by kind" parts={partsOf(difference, route, live)} />
          <TextField label="Find a step" placeholder="A part of its name" value={route.find} onApply={(find) => navigate({ ...route, find }, { replace: true })} />
          {counts.moved > 0 && (
            <Button pressed={route.show === "moved"} onClick={() => navigate(listed(route, route.show === "moved" ? undefined : "moved"), { replace: true })}>
              Moved <strong>{count(counts.moved)}</strong>
            </Button>
          )}
          <Button pressed={route.show === "all"} onClick={toggle}>All steps</Button>
        </div>
        {rows.length === 0
          ? (
            <section className="blank">
              <h3>{steps.length === 0 ? "No steps" : route.find !== "" ? "No step matches" : isLive ? "No difference so far" : "No step differs"}</h3>
              <p className="muted">
                {steps.length === 0
                  ? isLive ? "Steps appear here when they begin." : "No step of either run is known."
                  : route.find !== ""
                  ? "The text is sought in the names of the listed steps."
                  : "Times and costs are not compared: they always differ."}
              </p>
              {steps.length > 0 && route.show !== "all" && (
                <div className="blank-actions"><Button kind="primary" onClick={() => navigate({ ...listed(route, "all"), find: "" })}>Show all steps</Button></div>
              )}
            </section>
          )
          : (
            <WindowedTable
              className="diff"
              head={head}
              ids={rows}
              label="Steps of both runs"
              open={open}
              row={(index, place, tabIndex) => (
                <StepRow
                  index={index}
                  isOpen={index === open}
                  isParting={index === partsAt}
                  live={live}
                  pair={pair}
                  place={place}
                  route={route}
                  step={steps[index]!}
                  tabIndex={tabIndex}
                />
              )}
            />
          )}
      </section>
    </Main>
  )
}

const Compared = ({ pair, route }: { readonly pair: Pair; readonly route: CompareRoute }): ReactNode => {
  const { data, error, isOld, reload } = useRead("compare.diff", paramsOf(pair))
  const live = data === undefined || isOld ? undefined : !isEnded(data.after) ? pair.after : !isEnded(data.before) ? pair.before : undefined
  const [changes, setChanges] = useState(0)
  const changed = (): void => setChanges((changes) => changes + 1)
  useStream(
    live === undefined ? presence.name : "runs.watch",
    live === undefined ? presence.params : { flow: live.flow, id: live.id },
    live === undefined ? {} : { run: changed, end: changed, problem: changed },
    live === undefined ? undefined : changed
  )
  useWhenChanged(changes, often, reload)
  useKeys({ Escape: () => data === undefined ? goBack() : false })
  if (data === undefined || isOld) {
    return (
      <Main className="ledger compare">
        <h1 className="offscreen">Compare two runs</h1>
        {error === undefined
          ? <p className="blank muted" role="status">Comparing the runs…</p>
          : (
            <Failure title={error.status === 404 ? "A run is not there" : "The runs could not be compared"} error={error} onRetry={reload}>
              <Link className="button button-plain" to={compareRoute({ before: pair.before })}>Choose another run</Link>
              <Link className="button button-plain" to={lastList()}>Show all runs</Link>
            </Failure>
          )}
      </Main>
    )
  }
  return <Comparison data={data} error={error} pair={pair} reload={reload} route={route} />
}

const CompareView = ({ route }: { readonly route: CompareRoute }): ReactNode => {
  const { after, before } = route
  return before === undefined || after === undefined
    ? <Chooser key={JSON.stringify(before ?? after)} first={before ?? after} route={route} />
    : <Compared key={JSON.stringify([before, after])} pair={{ before, after }} route={route} />
}

export default CompareView
