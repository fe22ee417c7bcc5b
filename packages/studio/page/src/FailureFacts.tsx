/** A failed run: its difference from the last good run, and when its error was first seen. */
import { type ReactNode, useState } from "react"
import type { FailureHistory, Run } from "./api.js"
import { count, instant, moment, oneLine, plural, shortId } from "./format.js"
import { Button, Link, Text, Wait, Words } from "./parts.js"
import { useRead } from "./reads.js"
import { compareRoute, runRoute } from "./route.js"
import { useApp } from "./store.js"

const RunLink = ({ run }: { readonly run: Run }): ReactNode => (
  <Link to={runRoute(run)} title={oneLine(run.id)}><Text value={shortId(run.id)} /></Link>
)

const When = ({ run }: { readonly run: Run }): ReactNode =>
  run.startedAt !== undefined && <span title={instant(run.startedAt)}>{moment(run.startedAt)}</span>

const inputText = ({ differences, input }: NonNullable<FailureHistory["good"]>): string =>
  input === "same"
    ? "with the same input"
    : input === "near"
    ? `whose input is the nearest: ${plural(differences, "value")} of it ${differences === 1 ? "differs" : "differ"}`
    : "whose input cannot be compared, because one of both is not stored"

/** The runs that were compared, as far as others were left out. */
const boundText = ({ compared, completed, good }: FailureHistory): string =>
  good?.input === "same" || compared >= completed
    ? ""
    : ` The newest ${count(compared)} of ${plural(completed, "completed run")} were compared.`

const Good = ({ history, run }: { readonly history: FailureHistory; readonly run: Run }): ReactNode => {
  const { good, isLater } = history
  if (good === undefined) {
    return <p className="muted">No completed run of this flow is known to compare it with.</p>
  }
  return (
    <p>
      <Link className="button button-plain" to={compareRoute({ before: good.run, after: run })}>
        {isLater ? "What changed in the next good run" : "What changed since the last good run"}
      </Link>{" "}
      <RunLink run={good.run} /> <When run={good.run} />
      {good.run.version !== undefined && <>, version <Text value={good.run.version} /></>}, {inputText(good)}.{boundText(history)}
    </p>
  )
}

const Seen = ({ history: { error, failed, firstSeen, looked, seen, unread }, run }: {
  readonly history: FailureHistory
  readonly run: Run
}): ReactNode =>
  error !== undefined && firstSeen !== undefined && (
    <p>
      <strong><Text value={error.error} /></strong>{" "}
      was first seen {firstSeen.id === run.id
        ? "in this run"
        : <>in <RunLink run={firstSeen} /> <When run={firstSeen} /></>}:{" "}
      {count(seen)} of {plural(looked, "failed run")} ended with it.
      {looked + unread < failed && ` ${plural(failed - looked - unread, "older run")} were not looked at.`}
      {unread > 0 && ` ${plural(unread, "other run")} could not be read.`}
    </p>
  )

/** The reads of other runs cost nothing on an emulator. They are requests to the hosted service, so they wait for a press. */
export const FailureFacts = ({ run }: { readonly run: Run }): ReactNode => {
  const { flow, id } = run
  const isEmulator = useApp(({ source }) => source?.kind === "emulator")
  const [isAsked, setAsked] = useState(false)
  const isRead = isEmulator || isAsked
  const { data, error, reload } = useRead("compare.failure", isRead ? { flow, id } : undefined)
  return (
    <section className="failure-facts" aria-label="The failure" aria-busy={isRead && data === undefined && error === undefined}>
      {!isRead
        ? (
          <p>
            <Button onClick={() => setAsked(true)}>What changed since the last good run?</Button>{" "}
            <span className="muted">Reads at most 71 runs of the flow from the server.</span>
          </p>
        )
        : error !== undefined
        ? (
          <p role="alert">
            Other runs of the flow could not be read: <Text value={error.message} />
            {error.advice !== undefined && <> <Words value={error.advice} /></>} <Button kind="quiet" onClick={reload}>Try again</Button>
          </p>
        )
        : data === undefined
        ? <Wait kind="line" what="the last good run" />
        : (
          <>
            <Good history={data} run={run} />
            <Seen history={data} run={run} />
          </>
        )}
    </section>
  )
}
