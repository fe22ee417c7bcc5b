/** The emulator: the requests that it received, the webhooks of its jobs, its flows and credits, and its faults. */
import { type ReactNode, useEffect, useRef, useState } from "react"
import type { EmulatorRequest, EmulatorState, ReadError } from "./api.js"
import "./emulator.css"
import { FaultsForm } from "./FaultsForm.js"
import { ownRules } from "./FaultsBanner.js"
import { bytes, costText, count, exactCost, instant, millis, moment, oneLine, plural, shortId } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { useKeys } from "./keys.js"
import { Button, Fact, Failure, Icon, Link, Main, Shape, Text, Unknown, Wait } from "./parts.js"
import { useRead, useStream, useWhenChanged } from "./reads.js"
import { againRoute, type EmulatorRoute, emulatorTabs, runRoute, runsRoute } from "./route.js"
import { Webhooks } from "./Webhooks.js"
import { copy, get, navigate, set, useApp } from "./store.js"

const pageSize = 50

/** The time between two reads while requests arrive, and after the last key of a filter, in milliseconds. */
const often = 500
const typing = 200

const shapeOf = ({ fault, outcome, status }: EmulatorRequest): string =>
  outcome === "open" ? "running" : fault !== undefined || outcome === "fault" || (status ?? 0) >= 400 ? "failed" : outcome === "complete" ? "completed" : "cancelled"

const outcomes: { readonly [outcome: string]: string } = {
  open: "open",
  complete: "complete",
  client: "ended by the client",
  server: "ended by the server",
  fault: "ended by a fault"
}

const goTo = (change: Partial<EmulatorRoute>, replace = true): void => {
  const { route } = get()
  if (route.view === "emulator") navigate({ ...route, ...change }, { replace })
}

const RequestRow = ({ isActive, isSelected, request, route }: {
  readonly isActive: boolean
  readonly isSelected: boolean
  readonly request: EmulatorRequest
  readonly route: EmulatorRoute
}): ReactNode => (
  <div className={`request${isSelected ? " is-selected" : ""}`} role="row">
    <span role="cell" className="request-status">
      <Shape status={shapeOf(request)} />
      {request.status ?? <span className="muted">{request.outcome === "open" ? "open" : "none"}</span>}
    </span>
    <span role="cell" className="request-target">
      <Link
        className="row-link"
        replace
        selected={isSelected}
        tabIndex={isActive ? 0 : -1}
        title={oneLine(`${request.method} ${request.target}`)}
        to={{ ...route, request: isSelected ? undefined : request.id }}
      >
        <span className="muted">{oneLine(request.method)}</span> <bdi>{oneLine(request.target)}</bdi>
      </Link>
    </span>
    <span role="cell" className="request-fault">
      {request.fault === undefined ? null : <span className="tag tag-failed" title={oneLine(request.fault)}><Text value={request.fault} /></span>}
    </span>
    <span role="cell" className="request-cost">{request.billedUsd === undefined ? null : exactCost(request.billedUsd)}</span>
    <span role="cell" className="request-time">{request.durationMs === undefined ? <Unknown /> : millis(request.durationMs)}</span>
    <span role="cell" className="request-at" title={instant(request.receivedAt)}>{moment(request.receivedAt)}</span>
  </div>
)

const RequestPanel = ({ id, seen }: {
  readonly id: string
  /** Grows as requests arrive and end. */
  readonly seen: number
}): ReactNode => {
  const { data, error, isOld, reload } = useRead("emulator.request", { id })
  useWhenChanged(seen, often, () => data?.request.outcome === "open" && reload())
  if (error !== undefined && (data === undefined || isOld)) {
    return <section className="panel" aria-label="Request"><Failure title="The request could not be read" error={error} onRetry={reload} /></section>
  }
  if (data === undefined || isOld) {
    return <section className="panel" aria-label="Request"><Wait kind="lines" what="the request" /></section>
  }
  const { body, headers, request } = data
  const { billedUsd, bodyBytes, durationMs, endpoint, executionId, fault, flow, outcome, receivedAt } = request
  return (
    <section className="panel" aria-label={`Request ${oneLine(id)}`}>
      <header className="panel-head">
        <Shape status={shapeOf(request)} />
        <div className="panel-name"><h2><Text value={`${request.method} ${request.target}`} /></h2></div>
        <Button kind="icon" label="Close the request" onClick={() => goTo({ request: undefined })}><Icon name="close" /></Button>
      </header>
      <dl className="facts">
        <Fact name="Status">{request.status ?? "none"}</Fact>
        <Fact name="Outcome"><Text value={outcomes[outcome] ?? outcome} /></Fact>
        {fault !== undefined && <Fact name="Fault"><span className="is-bad mono"><Text value={fault} /></span></Fact>}
        <Fact name="Duration">{durationMs === undefined ? <Unknown /> : millis(durationMs)}</Fact>
        {billedUsd !== undefined && <Fact name="Billed">{exactCost(billedUsd)}</Fact>}
        <Fact name="Received"><span title={instant(receivedAt)}>{moment(receivedAt)}</span></Fact>
        <Fact name="Sent">{bytes(request.responseBytes)}{request.responseEvents > 0 && `, ${plural(request.responseEvents, "event")}`}</Fact>
        {endpoint !== undefined && <Fact name="Endpoint"><Text value={endpoint} /></Fact>}
        {flow !== undefined && <Fact name="Flow"><Link to={runsRoute({ flow })}><Text value={flow} /></Link></Fact>}
        {flow !== undefined && executionId !== undefined && (
          <Fact name="Run"><Link to={runRoute({ flow, id: executionId })} title={oneLine(executionId)}><Text value={shortId(executionId)} /></Link></Fact>
        )}
      </dl>
      <section className="payload" aria-label="Headers of the request">
        <h3>Headers</h3>
        <dl className="headers">
          {Object.entries(headers).map(([name, value]) => (
            <div key={name}>
              <dt><Text value={name} /></dt>
              <dd><Text value={value} /></dd>
            </div>
          ))}
        </dl>
      </section>
      <section className="payload" aria-label="Body of the request">
        <h3>Body <small>{bytes(bodyBytes)}</small></h3>
        {body === "" ? <p className="muted payload-none">None</p> : <JsonTree text={body} label="body of the request" />}
      </section>
    </section>
  )
}

const Requests = ({ emulator, route }: { readonly emulator: EmulatorState; readonly route: EmulatorRoute }): ReactNode => {
  const { offset, request, text } = route
  const [field, setField] = useState(text)
  const timer = useRef<number>(undefined)
  useEffect(() => setField((field) => field.trim() === text ? field : text), [text])
  const { data, error, isOld, reload } = useRead("emulator.requests", {
    text: text === "" ? undefined : text,
    offset: offset === 0 ? undefined : offset,
    limit: pageSize
  })
  const list = useRef<HTMLDivElement>(null)
  const seen = emulator.totals.requests + emulator.totals.connections + emulator.totals.runs
  const [isBehind, setBehind] = useState(false)
  const update = (): void => {
    setBehind(false)
    reload()
  }
  // what the reader looks at stays where it is
  useWhenChanged(emulator, often, () => {
    const isRead = offset > 0 || request !== undefined || (list.current?.scrollTop ?? 0) > 4 ||
      list.current?.contains(document.activeElement) === true
    if (isRead) setBehind((isBehind) => isBehind || offset === 0)
    else update()
  })
  useEffect(() => setBehind(false), [offset, text])
  const requests = data?.requests ?? []
  const total = data?.total ?? 0
  const selected = requests.findIndex(({ id }) => id === request)
  const select = (nth: number): void => {
    const next = requests[Math.max(0, Math.min(requests.length - 1, nth))]
    if (next === undefined) return
    goTo({ request: next.id })
    list.current?.querySelectorAll<HTMLElement>(".row-link")[requests.indexOf(next)]?.focus({ preventScroll: false })
  }
  useKeys({
    ArrowDown: () => select(selected + 1),
    ArrowUp: () => select(selected === -1 ? 0 : selected - 1),
    Home: () => select(0),
    End: () => select(requests.length - 1),
    Escape: () => request !== undefined ? goTo({ request: undefined }) : text !== "" ? goTo({ text: "", offset: 0 }) : false
  })
  const page = Math.floor(offset / pageSize) + 1
  const pages = Math.max(page, Math.ceil(total / pageSize))
  return (
    <div className={`run-body requests-body${request === undefined ? " is-whole" : ""}`}>
      <section className="run-steps requests" aria-label="Requests">
        <div className="waterfall-tools">
          <input
            type="search"
            data-search=""
            aria-label="Find requests"
            placeholder="Find requests"
            spellCheck={false}
            value={field}
            onChange={({ target }) => {
              setField(target.value)
              window.clearTimeout(timer.current)
              timer.current = window.setTimeout(() => goTo({ text: target.value.trim(), offset: 0, request: undefined }), typing)
            }}
          />
          <span className="muted waterfall-count">{plural(total, "request")}</span>
          {isBehind && <Button kind="quiet" onClick={() => {
            list.current?.scrollTo({ top: 0 })
            update()
          }}>Show newer requests</Button>}
          <span className="pager">
            <Button kind="icon" label="Newer requests" disabled={offset === 0} onClick={() => goTo({ offset: Math.max(0, offset - pageSize), request: undefined }, false)}><Icon name="left" /></Button>
            <span className="muted">{count(page)} of {count(pages)}</span>
            <Button kind="icon" label="Older requests" disabled={offset + pageSize >= total} onClick={() => goTo({ offset: offset + pageSize, request: undefined }, false)}><Icon name="right" /></Button>
          </span>
        </div>
        {error !== undefined
          ? <Failure title="The requests could not be read" error={error} onRetry={reload} />
          : data === undefined
          ? <Wait kind="lines" what="the requests" />
          : requests.length === 0
          ? <BlankRequests text={text} offset={offset} />
          : (
            <div ref={list} className={`requests-rows${isOld ? " is-old" : ""}`} role="table" aria-label="Requests, newest first" aria-rowcount={total + 1}>
              <div role="rowgroup" className="requests-head">
                <div role="row" className="request">
                  {["Status", "Request", "Fault", "Billed", "Time", "Received"].map((name) => <span key={name} role="columnheader">{name}</span>)}
                </div>
              </div>
              <div role="rowgroup">
                {requests.map((one, nth) => (
                  <RequestRow key={one.id} request={one} route={route} isSelected={one.id === request} isActive={nth === Math.max(0, selected)} />
                ))}
              </div>
            </div>
          )}
      </section>
      {request !== undefined && <RequestPanel key={request} id={request} seen={seen} />}
    </div>
  )
}

const BlankRequests = ({ offset, text }: { readonly offset: number; readonly text: string }): ReactNode => (
  <section className="blank">
    <h2>{text !== "" ? "No request matches" : offset > 0 ? "No older requests" : "No requests yet"}</h2>
    <p className="muted">
      {text !== "" ? "A request appears here as soon as it matches." : "Run a flow against the emulator. Its requests appear here at once."}
    </p>
    {(text !== "" || offset > 0) && (
      <div className="blank-actions"><Button kind="primary" onClick={() => goTo({ text: "", offset: 0 })}>Show all requests</Button></div>
    )}
  </section>
)

/** The rows that a table shows at once. */
const manyRows = 200

const Flows = ({ emulator }: { readonly emulator: EmulatorState }): ReactNode => {
  const [most, setMost] = useState(manyRows)
  const { flows, organisations } = emulator
  return (
    <div className="accounts" tabIndex={0} role="group" aria-label="Flows and credits">
      <section className="totals" aria-label="Organisations">
        <h2>Organisations</h2>
        {organisations.length === 0
          ? <p className="muted">No organisation has run a flow yet.</p>
          : (
            <table>
              <thead>
                <tr>
                  <th scope="col">Organisation</th>
                  <th scope="col" className="number">Credits left</th>
                  <th scope="col" className="number">Billed</th>
                </tr>
              </thead>
              <tbody>
                {organisations.slice(0, most).map(({ billedUsd, creditsUsd, org }) => (
                  <tr key={org}>
                    <th scope="row"><Text value={org} /></th>
                    <td className="number">{creditsUsd === undefined ? <span className="muted">no limit</span> : exactCost(creditsUsd)}</td>
                    <td className="number">{exactCost(billedUsd)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
      </section>
      <section className="totals" aria-label="Flows">
        <h2>Flows</h2>
        {flows.length === 0
          ? <p className="muted">No flow is known. Give <code>noukai dev</code> a file of flows, or run one.</p>
          : (
            <table>
              <thead>
                <tr>
                  <th scope="col">Flow</th>
                  <th scope="col" className="number">Runs</th>
                  <th scope="col" className="number">Cost</th>
                  <th scope="col"><span className="offscreen">New run</span></th>
                </tr>
              </thead>
              <tbody>
                {flows.slice(0, most).map(({ flow, runs, ...sum }) => (
                  <tr key={flow}>
                    <th scope="row"><Link to={runsRoute({ flow })}><Text value={flow} /></Link></th>
                    <td className="number">{count(runs)}</td>
                    <td className="number">{costText(sum, exactCost) ?? <Unknown />}</td>
                    <td><Link to={againRoute({ flow, id: undefined })} label={oneLine(`Run… ${flow}`)}>Run…</Link></td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        {Math.max(flows.length, organisations.length) > most && (
          <Button kind="quiet" onClick={() => setMost(most + manyRows)}>Show {manyRows} more</Button>
        )}
      </section>
    </div>
  )
}

const tabNames = { requests: "Requests", webhooks: "Webhooks", flows: "Flows and credits", faults: "Faults" } as const

const Body = ({ emulator, error, route }: {
  readonly emulator: EmulatorState
  readonly error: ReadError | undefined
  readonly route: EmulatorRoute
}): ReactNode => {
  const { address, totals } = emulator
  const isOn = ownRules(emulator).length > 0
  return (
    <Main className="run emulator">
      <div className="run-head">
        <div className="run-title"><h1>Emulator</h1></div>
        <p className="run-id">
          <code><Text value={address} /></code>
          <Button kind="icon" label="Copy the address of the emulator" onClick={() => void copy(address, "Address")}><Icon name="copy" /></Button>
        </p>
        <dl className="facts run-facts">
          <Fact name="Requests">{count(totals.requests)}</Fact>
          <Fact name="With a fault">{totals.faulty === 0 ? "0" : <span className="is-bad">{count(totals.faulty)}</span>}</Fact>
          <Fact name="Runs">{count(totals.runs)}</Fact>
          <Fact name="Billed">{exactCost(totals.billedUsd)}</Fact>
          <Fact name="Connections">{count(totals.connections)}</Fact>
        </dl>
        {error !== undefined && <p className="stale" role="alert"><Text value={error.message} /></p>}
      </div>
      <nav className="tabs" aria-label="Parts of the emulator">
        {emulatorTabs.map((tab) => (
          <Link key={tab} to={{ ...route, tab, text: "", offset: 0, request: undefined }} current={route.tab === tab}>
            {tabNames[tab]}{tab === "faults" && isOn && <> <span className="tag tag-failed">on</span></>}
          </Link>
        ))}
      </nav>
      {route.tab === "requests"
        ? <Requests emulator={emulator} route={route} />
        : route.tab === "webhooks"
        ? <Webhooks emulator={emulator} />
        : route.tab === "flows"
        ? <Flows emulator={emulator} />
        : <FaultsForm emulator={emulator} />}
    </Main>
  )
}

const EmulatorView = ({ route }: { readonly route: EmulatorRoute }): ReactNode => {
  const emulator = useApp(({ emulator }) => emulator)
  const { data, error, reload } = useRead("emulator.emulator", {})
  useEffect(() => {
    if (data !== undefined) set({ emulator: data })
  }, [data])
  useStream("emulator.watchEmulator", {}, { change: (emulator: EmulatorState) => set({ emulator }) })
  if (emulator === undefined) {
    return (
      <Main className="run">
        {error === undefined
          ? <Wait what="the emulator" />
          : (
            <Failure title={error.status === 404 ? "This studio has no emulator" : "The emulator could not be read"} error={error} onRetry={reload}>
              <Link className="button button-plain" to={runsRoute()}>Show the runs</Link>
            </Failure>
          )}
      </Main>
    )
  }
  return <Body emulator={emulator} error={error} route={route} />
}

export default EmulatorView
