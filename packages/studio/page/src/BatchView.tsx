/** A batch: how far it is, where it failed, and its rows. */
import { type CSSProperties, type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import type { BatchDetail, BatchRow, BatchRowDetail, ErrorGroup } from "./api.js"
import { cost, costText, count, exactCost, instant, millis, moment, oneLine, percent, plural, rate, shortId, tick } from "./format.js"
import { Histogram } from "./Histogram.js"
import { useKeys } from "./keys.js"
import { Away, Breakdown, type BreakdownPart, Choice, Command, ListFailure, Pager, PayloadPart, Stale, Table, TextField, useRows } from "./ledgerParts.js"
import { Button, Fact, Failure, Icon, Link, Main, Notes, Shape, Status, Text, Unknown, Wait, Words } from "./parts.js"
import { presence, useRead, useRefresh, useStream, useWhenChanged } from "./reads.js"
import { batchesRoute, type BatchRoute, batchRoute, hrefOf, reconcileRoute, type RowFilter, runRoute, sessionRoute } from "./route.js"
import { navigate } from "./store.js"

/** The number of rows of a page. */
const pageSize = 50

/** The time until the page of rows is read again while rows settle, in milliseconds. */
const fresh = 2_000

/** A number after all rows. */
const afterAll = 999_999_999

/** The filter of the rows whose outcome is not known. */
const doubtful = "doubtful"

const states = ["pending", "intent", "uncertain", "submitted", "done", "failed", "cancelled", "reported", "invalid"]

/** The address of the rows with a filter. An open row closes: it may not be among them. */
const filtered = (route: BatchRoute, filter: RowFilter): BatchRoute => ({ ...batchRoute(route), filter })

const tones: { readonly [state: string]: BreakdownPart["tone"] } = {
  done: "good",
  failed: "bad",
  invalid: "poor",
  cancelled: "off",
  reported: "doubt",
  uncertain: "doubt",
  intent: "busy",
  submitted: "busy",
  pending: "open"
}

const order = ["done", "failed", "invalid", "cancelled", "reported", "uncertain", "intent", "submitted", "pending"]

/** The states of the rows, also of a newer ledger. */
const partsOf = (detail: BatchDetail, route: BatchRoute): ReadonlyArray<BreakdownPart> =>
  [...order, ...Object.keys(detail.states).filter((state) => !order.includes(state))].map((state) => ({
    name: oneLine(state),
    count: detail.states[state] ?? 0,
    tone: tones[state] ?? "off",
    isCurrent: route.filter.state === state,
    to: filtered(route, route.filter.state === state ? {} : { state })
  }))

const Facts = ({ detail }: { readonly detail: BatchDetail }): ReactNode => {
  const { definition, etaMs, rows, rowsPerSecond, settled, unknownCosts = 0 } = detail
  const others = [
    ["Retries", detail.retries],
    ["Waiting to retry", detail.waiting],
    ["Timed out", detail.timedOut],
    ["Refused", detail.refused],
    ["Adopted", detail.adopted],
    ["Absent", detail.absent],
    ["Not selected", detail.unselected]
  ] as const
  return (
    <dl className="facts run-facts">
      <Fact name="Settled" note={rows === 0 ? undefined : percent(settled / rows)}>{count(settled)} of {count(rows)}</Fact>
      {rowsPerSecond !== undefined && <Fact name="Rate">{rate(rowsPerSecond)}</Fact>}
      {detail.status === "running" && <Fact name="Time left">{etaMs === undefined ? <Unknown /> : millis(etaMs)}</Fact>}
      <Fact
        name={detail.status === "running" ? "Cost so far" : "Cost"}
        note={unknownCosts > 0 ? `not known of ${plural(unknownCosts, "row")}` : undefined}
      >
        {costText(detail, exactCost) ?? <Unknown />}
      </Fact>
      <Fact name="Created"><span title={instant(detail.createdAt)}>{moment(detail.createdAt)}</span></Fact>
      {definition?.changedAt !== undefined && (
        <Fact name="Rows changed"><span title={instant(definition.changedAt)}>{moment(definition.changedAt)}</span></Fact>
      )}
      {others.filter(([, amount]) => amount > 0).map(([name, amount]) => <Fact key={name} name={name}>{count(amount)}</Fact>)}
    </dl>
  )
}

/** The errors of the rows, the most frequent first. A click lists the rows of an error. */
const Errors = ({ detail, route }: { readonly detail: BatchDetail; readonly route: BatchRoute }): ReactNode => {
  const [isWhole, setWhole] = useState(false)
  const { errors } = detail
  const most = Math.max(1, ...errors.map(({ rows }) => rows))
  const shown = isWhole ? errors : errors.slice(0, 6)
  if (errors.length === 0) return null
  return (
    <section className="errors" aria-label="Failures by error">
      <h2 className="small-head">Failures by error</h2>
      <ul>
        {shown.map((group) => (
          <li key={group.error}>
            <ErrorLink group={group} isCurrent={route.filter.error === group.error} most={most} route={route} />
          </li>
        ))}
      </ul>
      {errors.length > shown.length && <Button kind="quiet" onClick={() => setWhole(true)}>Show all {errors.length}</Button>}
    </section>
  )
}

const ErrorLink = ({ group, isCurrent, most, route }: {
  readonly group: ErrorGroup
  readonly isCurrent: boolean
  readonly most: number
  readonly route: BatchRoute
}): ReactNode => (
  <Link
    className="error-group"
    selected={isCurrent}
    to={filtered(route, isCurrent ? {} : { error: group.error })}
    title={isCurrent ? "Show all rows" : "Show these rows"}
  >
    <span className="error-kind">
      <strong><Text value={group.kind} /></strong>{" "}
      {group.code !== undefined && <span className="tag tag-failed"><Text value={group.code} /></span>}
    </span>
    <span className="error-rows">
      <span className="error-bar" aria-hidden="true"><span style={{ width: `${100 * group.rows / most}%` }} /></span>
      {count(group.rows)}<span className="offscreen"> {group.rows === 1 ? "row" : "rows"}</span>
    </span>
    <span className="error-text muted">{oneLine(group.message.slice(0, 300))}</span>
  </Link>
)

/** The facts of a row, with its input, result and attempts. */
const RowPanel = ({ known, of, rowKey }: {
  /** The row as its page has it: when that changes, the row is read again. */
  readonly known: BatchRow | undefined
  readonly of: Pick<BatchRoute, "batch" | "ledger">
  readonly rowKey: string
}): ReactNode => {
  const { data, error, isOld, reload } = useRead("batches.row", { ledger: of.ledger, batch: of.batch, key: rowKey })
  useWhenChanged(known && JSON.stringify([known.state, known.attempt, known.settledAt]), 0, reload)
  if (data === undefined || isOld) {
    return error === undefined
      ? <Wait kind="lines" what="the row" />
      : <Failure title={error.status === 404 ? "There is no such row" : "The row could not be read"} error={error} onRetry={reload} />
  }
  return <RowFacts detail={data} isAway={known === undefined} of={of} />
}

const RowFacts = ({ detail, isAway, of }: {
  readonly detail: BatchRowDetail
  /** Whether its page is not shown. */
  readonly isAway: boolean
  readonly of: Pick<BatchRoute, "batch" | "ledger">
}): ReactNode => {
  const { attempts, doubt, input, result, row, sessionId } = detail
  const name = oneLine(row.key)
  return (
    <div className="case-body">
      {doubt.length > 0 && (
        <ul className="notes" aria-label="What is known">
          {doubt.map((sentence) => <li key={sentence}><Words value={sentence} /></li>)}
        </ul>
      )}
      {row.error !== undefined && (
        <p className="error-message">
          <strong><Text value={[row.error.kind, row.error.code].filter((part) => part !== undefined).join(" ")} /></strong>{" "}
          <Text value={row.error.message.slice(0, 2_000)} />
        </p>
      )}
      <dl className="facts">
        <Fact name="Read from"><Text value={row.at} /></Fact>
        <Fact name="Flow"><Text value={row.flow} /> <span className="tag"><Text value={row.version} /></span></Fact>
        <Fact name="Run">
          {row.executionId === undefined
            ? <Unknown />
            : <Link to={runRoute({ flow: row.flow, id: row.executionId })} title={oneLine(row.executionId)}><Text value={shortId(row.executionId)} /></Link>}
        </Fact>
        {sessionId !== undefined && (
          <Fact name="Session"><Link to={sessionRoute(sessionId)} title={oneLine(sessionId)}><Text value={shortId(sessionId)} /></Link></Fact>
        )}
        <Fact name="Duration">{row.durationMs === undefined ? <Unknown /> : millis(row.durationMs)}</Fact>
        <Fact name="Cost">{costText(row, exactCost) ?? <Unknown />}</Fact>
        {row.settledAt !== undefined && <Fact name="Settled"><span title={instant(row.settledAt)}>{moment(row.settledAt)}</span></Fact>}
      </dl>
      <div className="pair">
        <PayloadPart name="Input" none="The ledger has no input." of={name} payload={input} />
        <PayloadPart
          name="Result"
          none={row.state === "done" ? "The ledger has no result." : "None"}
          of={name}
          payload={result}
        />
      </div>
      {attempts.length > 0 && (
        <section aria-label={`Attempts of ${name}`} className="scrolled" data-keys="own" tabIndex={0}>
          <h3>Attempts</h3>
          <table className="plain">
            <thead>
              <tr>
                <th scope="col" className="number">No.</th>
                <th scope="col">State</th>
                <th scope="col">Began</th>
                <th scope="col" className="number">Duration</th>
                <th scope="col" className="number">Cost</th>
                <th scope="col">Run</th>
                <th scope="col">Error</th>
              </tr>
            </thead>
            <tbody>
              {attempts.map((attempt) => (
                <tr key={attempt.attempt}>
                  <th scope="row" className="number">{attempt.attempt}</th>
                  <td><Status status={attempt.state} /></td>
                  <td>{attempt.startedAt === undefined ? <Unknown /> : <span title={instant(attempt.startedAt)}>{moment(attempt.startedAt)}</span>}</td>
                  <td className="number">
                    {attempt.startedAt === undefined || attempt.settledAt === undefined
                      ? <Unknown />
                      : millis(Math.max(0, attempt.settledAt - attempt.startedAt))}
                  </td>
                  <td className="number">{costText(attempt) ?? <Unknown />}</td>
                  <td>
                    {attempt.executionId === undefined
                      ? <Unknown />
                      : <Link to={runRoute({ flow: row.flow, id: attempt.executionId })} title={oneLine(attempt.executionId)}><Text value={shortId(attempt.executionId)} /></Link>}
                  </td>
                  <td className="wrapped">{attempt.error === undefined ? "" : <Text value={attempt.error.slice(0, 600)} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {isAway && <p><Link to={placeOf(of, row)}>Show it among its neighbours</Link></p>}
    </div>
  )
}

/** The page on which a row is the first one. */
const placeOf = (of: Pick<BatchRoute, "batch" | "ledger">, { key, no }: BatchRow): BatchRoute => ({
  ...batchRoute(of),
  page: no <= 1 ? undefined : { after: no - 1 },
  row: key
})

const columns = ["No.", "State", "Key", "Attempts", "Error", "Run", "Settled", "Duration", "Cost"]

const Row = ({ isOpen, route, row }: {
  readonly isOpen: boolean
  readonly route: BatchRoute
  readonly row: BatchRow
}): ReactNode => (
  <div data-row="" className={isOpen ? "is-open" : undefined}>
    <div role="row" className="lrow">
      <span role="cell" className="c-no muted">{count(row.no)}</span>
      <span role="cell" className="c-status"><Status status={row.state} /></span>
      <span role="cell" className="c-main">
        <Link
          className="row-link mono"
          expanded={isOpen}
          label={oneLine(`Row ${row.key.slice(0, 300)}, ${row.state}`)}
          title={oneLine(row.key)}
          to={{ ...route, row: isOpen ? undefined : row.key }}
        >
          {oneLine(row.key.slice(0, 300))}
        </Link>
      </span>
      <span role="cell" className="c-attempt"><i>Attempts </i>{count(row.attempt)}</span>
      <span role="cell" className="c-error muted" title={row.error && oneLine(row.error.message.slice(0, 600))}>
        {row.error === undefined
          ? ""
          : <><bdi className="bad">{oneLine(row.error.code ?? row.error.kind)}</bdi> <bdi>{oneLine(row.error.message.slice(0, 300))}</bdi></>}
      </span>
      <span role="cell" className="c-run mono">
        {row.executionId === undefined
          ? <Unknown />
          : <Link to={runRoute({ flow: row.flow, id: row.executionId })} title={oneLine(`Run ${row.executionId}`)}><Text value={shortId(row.executionId)} /></Link>}
      </span>
      <span role="cell" className="c-time">{row.settledAt === undefined ? <Unknown /> : <span title={instant(row.settledAt)}>{moment(row.settledAt)}</span>}</span>
      <span role="cell" className="c-duration">{row.durationMs === undefined ? <Unknown /> : millis(row.durationMs)}</span>
      <span role="cell" className="c-cost" title={costText(row, exactCost)}>
        {costText(row) ?? <Unknown />}
      </span>
    </div>
    {isOpen && (
      <div role="row" className="lopen">
        <div role="cell" aria-colspan={columns.length}>
          <section aria-label={oneLine(`Row ${row.key}`)}><RowPanel key={row.key} of={route} rowKey={row.key} known={row} /></section>
        </div>
      </div>
    )}
  </div>
)

/** The number of rows with a state or an error, as far as the batch tells it: another number means other rows. */
const matchingRows = (detail: BatchDetail, { error, state }: RowFilter): number | undefined =>
  state === doubtful
    ? detail.doubtful
    : state !== undefined
    ? detail.states[state]
    : detail.errors.find((group) => group.error === error)?.rows

/** The width of the column of numbers: as the largest number needs it. */
const widthOfNo = (rows: number): CSSProperties => ({ "--no": `${Math.max(4, count(rows).length + 1)}ch` }) as CSSProperties

/** A page of the rows. */
const Rows = ({ detail, route }: { readonly detail: BatchDetail; readonly route: BatchRoute }): ReactNode => {
  const { filter, page } = route
  const list = useRef<HTMLDivElement>(null)
  const { data, error, isOld, reload } = useRead("batches.rows", {
    ledger: route.ledger,
    batch: route.batch,
    ...filter,
    after: typeof page === "object" && "after" in page ? page.after : undefined,
    before: page === "last" ? afterAll : typeof page === "object" && "before" in page ? page.before : undefined,
    limit: pageSize
  })
  const signature = JSON.stringify([detail.states, detail.retries, detail.settled])
  // rows of a state come and go: their page changes when the reader asks
  const isSteady = filter.state === undefined && filter.error === undefined
  const matching = matchingRows(detail, filter)
  const [read, setRead] = useState(matching)
  useWhenChanged(signature, fresh, () => isSteady && reload())
  useEffect(() => setRead(matching), [data])
  const address = hrefOf({ ...route, row: undefined })
  useRows(list, address, route.row, data !== undefined && !isOld)
  const rows = data?.rows ?? []
  const to = (page: BatchRoute["page"]): BatchRoute => ({ ...route, page, row: undefined })
  const set = (name: keyof RowFilter, value: string): void => {
    const rest = Object.fromEntries(Object.entries(filter).filter(([other]) => other !== name))
    navigate(filtered(route, value === "" ? rest : { ...rest, [name]: value }), { replace: name === "key" })
  }
  const isFiltered = Object.keys(filter).length > 0
  const isAway = route.row !== undefined && data !== undefined && !isOld && !rows.some(({ key }) => key === route.row)
  const options = useMemo(() => [
    ...[...states, ...Object.keys(detail.states).filter((state) => !states.includes(state))].map((state) => [state, oneLine(state)] as const),
    [doubtful, "in doubt"] as const
  ], [detail.states])
  const group = detail.errors.find(({ error }) => error === filter.error)
  return (
    <section className="lbody" aria-label="Rows">
      <h2 className="offscreen">Rows</h2>
      <form className="filters lfilters" role="search" aria-label="Filter rows" onSubmit={(event) => event.preventDefault()}>
        <TextField label="Key" placeholder="A key, or a pattern such as order-*" value={filter.key ?? ""} onApply={(text) => set("key", text)} />
        <Choice label="State" none="Any state" options={options} value={filter.state} onChoose={(value) => set("state", value)} />
        {filter.error !== undefined && (
          <Button label={oneLine(`Show rows of all errors, not only ${filter.error}`)} onClick={() => set("error", "")}>
            <span className="chip"><Text value={group === undefined ? filter.error : `${group.kind} ${group.code ?? ""}`} /></span> <Icon name="close" />
          </Button>
        )}
        {isFiltered && <Button onClick={() => navigate(batchRoute(route))}>Clear filters</Button>}
        {!isSteady && read !== matching && <Button kind="quiet" onClick={reload}>Rows have changed. Read again</Button>}
      </form>
      {isAway && (
        <Away what="Row" name={route.row!} onClose={() => navigate({ ...route, row: undefined })}>
          <RowPanel key={route.row} of={route} rowKey={route.row!} known={undefined} />
        </Away>
      )}
      {data !== undefined && <Stale error={error} onRetry={reload} />}
      {data === undefined
        ? error === undefined
          ? <Wait what="the rows" />
          : <Failure title="The rows could not be read" error={error} onRetry={reload} />
        : rows.length === 0
        ? (
          <section className="blank">
            <h2>{isFiltered ? "No row matches" : "No rows"}</h2>
            <p className="muted">{isFiltered ? "Keys are compared as a whole. A * stands for any text, a ? for one character." : "The batch has no row here."}</p>
            {(isFiltered || page !== undefined) && (
              <div className="blank-actions"><Button kind="primary" onClick={() => navigate(batchRoute(route))}>Show all rows</Button></div>
            )}
          </section>
        )
        : (
          <Table columns={columns} isOld={isOld} kind="rows" label="Rows in the order of the input" list={list} style={widthOfNo(detail.rows)}>
            {rows.map((row) => <Row key={row.key} row={row} route={route} isOpen={row.key === route.row} />)}
          </Table>
        )}
      {rows.length > 0 && (
        <Pager
          label="Pages of rows"
          first={data!.hasBefore ? to(undefined) : undefined}
          previous={data!.hasBefore ? to({ before: rows[0]!.no }) : undefined}
          next={data!.hasAfter ? to({ after: rows.at(-1)!.no }) : undefined}
          last={data!.hasAfter ? to("last") : undefined}
        >
          <GoTo route={route} first={rows[0]!.no} last={rows.at(-1)!.no} total={isFiltered ? undefined : detail.rows} />
        </Pager>
      )}
    </section>
  )
}

/** The numbers of the rows that are shown. The first one is a field: another number goes there. */
const GoTo = ({ first, last, route, total }: {
  readonly first: number
  readonly last: number
  readonly route: BatchRoute
  readonly total: number | undefined
}): ReactNode => {
  const [text, setText] = useState<string>()
  const go = (): void => {
    const no = Number(text)
    setText(undefined)
    if (text === undefined || !Number.isInteger(no) || no < 1 || no > afterAll || no === first) return
    navigate({ ...route, page: no === 1 ? undefined : { after: no - 1 }, row: undefined })
  }
  return (
    <form
      className="goto"
      onSubmit={(event) => {
        event.preventDefault()
        go()
      }}
    >
      <label>
        <span>Row</span>
        <input
          inputMode="numeric"
          aria-label="Go to the row with this number"
          value={text ?? String(first)}
          style={{ width: `${Math.max(3, (text ?? String(first)).length) + 3}ch` }}
          onFocus={({ target }) => target.select()}
          onChange={({ target }) => setText(target.value.replace(/\D/g, "").slice(0, 9))}
          onBlur={() => setText(undefined)}
        />
      </label>
      <span>to {count(last)}{total !== undefined && ` of ${count(total)}`}</span>
    </form>
  )
}

const BatchView = ({ route }: { readonly route: BatchRoute }): ReactNode => {
  const address = { ledger: route.ledger, batch: route.batch }
  const { data, error, put, reload } = useRead("batches.batch", address)
  const isCounting = data !== undefined && data.counted < data.settled
  const isLive = (data?.status === "running" || isCounting) && error === undefined
  const noRow = isCounting ? "Rows are being counted." : "No row has settled yet."
  useStream(
    isLive ? "batches.watchBatch" : presence.name,
    isLive ? address : presence.params,
    isLive ? { batch: put, end: reload, problem: reload } : {},
    isLive ? reload : undefined
  )
  // it may be resumed
  useRefresh(reload, isLive ? undefined : 10_000)
  useKeys({
    Escape: () => {
      if (route.row !== undefined) navigate({ ...route, row: undefined })
      else if (Object.keys(route.filter).length > 0) navigate(batchRoute(route))
      else navigate(batchesRoute)
    }
  })
  if (data === undefined || error?.status === 404) {
    return (
      <Main className="ledger">
        {error === undefined
          ? <Wait what="the batch" />
          : (
            <>
              <h1 className="offscreen">Batch <Text value={route.batch} /></h1>
              {error.status === 404
                ? (
                  <Failure title="There is no such batch" error={error} onRetry={reload}>
                    <Link className="button button-plain" to={batchesRoute}>Show all batches</Link>
                  </Failure>
                )
                : <ListFailure error={error} onRetry={reload} what="batch" />}
            </>
          )}
      </Main>
    )
  }
  return (
    <Main className="ledger">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={batchesRoute}><Icon name="left" /> Batches</Link></nav>
          <h1><Text value={data.batch} /></h1>
          <Status status={data.status} />
          {data.status === "completed" && !data.isClean && <span className="tag tag-failed">not every row is done</span>}
        </div>
        <div className="run-actions">
          <Link className="button button-plain" to={reconcileRoute(data)}>Reconcile…</Link>
        </div>
        <p className="run-id">
          <span><Text value={data.flow} /></span>
          <span className="tag" title="Version"><Text value={data.version} /></span>
          <span className="muted">in <Text value={data.ledger} /></span>
        </p>
        <Facts detail={data} />
        <Breakdown label="Rows by state" parts={partsOf(data, route)} />
        {data.stop !== undefined && (
          <p className="error-message"><strong>Stopped: <Text value={data.stop.reason} /></strong> <Text value={data.stop.message} /></p>
        )}
        {data.doubtful > 0 && (
          <p className="doubt-line">
            <Shape status="doubt" />
            <span>
              <strong>{plural(data.doubtful, "row")} in doubt.</strong>{" "}
              {data.doubtful === 1 ? "Its run" : "Their runs"} may have begun, and may be billed.{" "}
              <Link to={filtered(route, { state: doubtful })} selected={route.filter.state === doubtful}>Show {data.doubtful === 1 ? "it" : "them"}</Link>
            </span>
          </p>
        )}
        <Stale error={error} onRetry={reload} />
        <Notes notes={data.notes} />
      </div>
      <div className="overview">
        <Errors detail={data} route={route} />
        <Histogram title="Duration per row" data={data.durations} isCounting={isCounting} text={tick} none={noRow} />
        <Histogram
          title="Cost per row"
          data={data.costs}
          isCounting={isCounting}
          text={cost}
          none={data.settled === 0 || isCounting ? noRow : "The ledger knows no costs."}
        />
        {data.commands.length > 0 && (
          <details className="commands">
            <summary>Commands</summary>
            {data.commands.map(({ command, does }) => <Command key={command} command={command} does={does} />)}
          </details>
        )}
      </div>
      <Rows detail={data} route={route} />
    </Main>
  )
}

export default BatchView
