/** The frame of the page: where it is, whether it is live, and its keys. */
import { Component, lazy, type ReactNode, Suspense, useEffect } from "react"
import { oneLine, visible } from "./format.js"
import { FaultsBanner } from "./FaultsBanner.js"
import { keyList, useKeys } from "./keys.js"
import { Button, Icon, Link, Main, Shape, Skeleton, Text } from "./parts.js"
import { areaOf, areas, type Route, runsRoute } from "./route.js"
import { RunsView } from "./RunsView.js"
import { Dialog, RunView, titleOf } from "./RunView.js"
import { get, retry, set, useApp } from "./store.js"

const SessionView = lazy(() => import("./SessionView.js"))
const FindView = lazy(() => import("./FindView.js"))
const BatchesView = lazy(() => import("./BatchesView.js"))
const BatchView = lazy(() => import("./BatchView.js"))
const EvalsView = lazy(() => import("./EvalsView.js"))
const EvalView = lazy(() => import("./EvalView.js"))
const CompareView = lazy(() => import("./CompareView.js"))
const ReconcileView = lazy(() => import("./ReconcileView.js"))
const AgainView = lazy(() => import("./AgainView.js"))
const NumbersView = lazy(() => import("./NumbersView.js"))
const KeepView = lazy(() => import("./KeepView.js"))
const EmulatorView = lazy(() => import("./EmulatorView.js"))

const View = ({ route }: { readonly route: Route }): ReactNode => {
  switch (route.view) {
    case "runs":
      return <RunsView route={route} />
    case "run":
      return <RunView route={route} />
    case "session":
      return <SessionView key={route.id} route={route} />
    case "find":
      return <FindView route={route} />
    case "batches":
      return <BatchesView />
    case "batch":
      return <BatchView key={JSON.stringify([route.ledger, route.batch])} route={route} />
    case "evals":
      return <EvalsView />
    case "eval":
      return <EvalView key={JSON.stringify([route.ledger, route.eval, route.run])} route={route} />
    case "compare":
      return <CompareView route={route} />
    case "reconcile":
      return <ReconcileView key={JSON.stringify([route.ledger, route.batch])} route={route} />
    case "again":
      return <AgainView key={JSON.stringify([route.flow, route.id, route.at])} route={route} />
    case "numbers":
      return <NumbersView route={route} />
    case "keep":
      return <KeepView key={route.session} route={route} />
    case "emulator":
      return <EmulatorView route={route} />
  }
}

const titleOfView = (route: Route): string => {
  switch (route.view) {
    case "run":
      return titleOf(route)
    case "session":
      return oneLine(`Session ${route.id}`)
    case "find":
      return "Search all runs"
    case "batch":
      return oneLine(`${route.batch} – ${route.ledger}`)
    case "eval":
      return oneLine(`${route.eval} ${route.run} – ${route.ledger}`)
    case "compare":
      return route.before === undefined || route.after === undefined
        ? "Compare two runs"
        : oneLine(`${route.before.id} and ${route.after.id}`)
    case "reconcile":
      return oneLine(`Reconcile ${route.batch} – ${route.ledger}`)
    case "again":
      return oneLine(`Run – ${route.flow}`)
    case "numbers":
      return route.tab === "bill" ? "Bill" : "Numbers"
    case "keep":
      return oneLine(`Keep session ${route.session}`)
    default:
      return areas[areaOf(route)].name
  }
}

/** Links to the views that have something to show, and to the one that is shown. */
const Navigation = (): ReactNode => {
  const views = useApp(({ source }) => source?.views)
  const area = useApp(({ route }) => areaOf(route))
  const shown = (["runs", "batches", "evals", "emulator"] as const).filter((one) =>
    one === "runs" || one === area || views?.includes(one) === true
  )
  if (shown.length === 1) return null
  return (
    <nav className="areas" aria-label="Views">
      {shown.map((one) => (
        <Link key={one} to={areas[one].route} current={one === area}>{areas[one].name}</Link>
      ))}
    </nav>
  )
}

const kinds = { emulator: "Emulator", hosted: "Hosted service" } as const

const connections = {
  connecting: ["pending", "Connecting"],
  live: ["running", "Live"],
  outage: ["failed", "No answer"],
  lost: ["failed", "Not connected"],
  refused: ["failed", "No access"]
} as const

const Header = (): ReactNode => {
  const connection = useApp(({ connection }) => connection)
  const source = useApp(({ source }) => source)
  const hasOutage = useApp(({ outage }) => outage !== undefined)
  const shown = connection === "live" && hasOutage ? "outage" : connection
  const [shape, word] = connections[shown]
  return (
    <header className="top">
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault()
          document.getElementById("main")?.focus()
        }}
      >
        Skip to the content
      </a>
      <Link className="brand" to={runsRoute()}>
        <svg className="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
          <rect x="2" y="5" width="16" height="6" rx="3" />
          <rect x="8" y="13" width="20" height="6" rx="3" opacity=".75" />
          <rect x="20" y="21" width="10" height="6" rx="3" opacity=".5" />
        </svg>
        Noukai <span className="muted">Studio</span>
      </Link>
      <Navigation />
      {source !== undefined && (
        <span className="source">
          <span className="source-kind">{kinds[source.kind]}</span> <span className="muted source-address"><Text value={source.address} /></span>
        </span>
      )}
      <span className={`connection connection-${shown === "outage" ? "lost" : shown}`} role="status">
        <Shape status={shape} /> {word}
      </span>
      <Button kind="icon" label="Keys" onClick={() => set({ dialog: "keys" })}><Icon name="keys" /></Button>
    </header>
  )
}

const problems = {
  lost: ["The studio does not answer.", "The page shows the last known state and reconnects by itself."],
  refused: ["The studio was started anew.", "Open the address that its terminal printed."]
} as const

/** A line that says that the server is gone, when that lasts. */
const Banner = (): ReactNode => {
  const connection = useApp(({ connection }) => connection)
  const outage = useApp(({ outage }) => outage)
  const problem = connection === "lost" || connection === "refused"
    ? problems[connection]
    : outage === undefined
    ? undefined
    : ["The server whose runs are shown does not answer.", `${oneLine(outage)} The page shows the last known state.`] as const
  return (
    <div role="alert" className="banner-place">
      {problem !== undefined && (
        <p className="banner">
          <Shape status="failed" />
          <span><strong>{problem[0]}</strong> {problem[1]}</span>
          <Button kind="quiet" onClick={retry}>Try now</Button>
        </p>
      )}
    </div>
  )
}

const Keys = (): ReactNode => (
  <Dialog title="Keys">
    <dl className="keys">
      {keyList.map(({ does, keys }) => (
        <div key={does}>
          <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  </Dialog>
)

/** A defect of the page: it says so, and the reader can go on. */
class Guard extends Component<{ readonly children: ReactNode; readonly of: string }, { readonly problem?: Error }> {
  override state: { readonly problem?: Error } = {}

  static getDerivedStateFromError(problem: Error): { readonly problem: Error } {
    return { problem }
  }

  override componentDidUpdate(before: { readonly of: string }): void {
    if (before.of !== this.props.of && this.state.problem !== undefined) this.setState({ problem: undefined! })
  }

  override render(): ReactNode {
    const { problem } = this.state
    if (problem === undefined) return this.props.children
    return (
      <Main className="run">
        <section className="blank" role="alert">
          <h1>This view failed</h1>
          <p>{visible(problem.message)}</p>
          <div className="blank-actions"><Button kind="primary" onClick={() => location.reload()}>Load again</Button></div>
        </section>
      </Main>
    )
  }
}

export const App = (): ReactNode => {
  const route = useApp(({ route }) => route)
  const dialog = useApp(({ dialog }) => dialog)
  const notice = useApp(({ notice }) => notice)
  useKeys({
    "?": () => set({ dialog: "keys" }),
    "/": () => {
      const field = document.querySelector<HTMLInputElement>("[data-search]")
      // where no list is searched, a value is
      if (field === null) document.querySelector<HTMLElement>(".json-tools .button-icon")?.click()
      field?.focus()
      field?.select()
    }
  })
  const title = titleOfView(route)
  useEffect(() => {
    document.title = `${title} – Noukai Studio`
  }, [title])
  useEffect(() => {
    if (notice === "") return
    const timer = window.setTimeout(() => get().notice === notice && set({ notice: "" }), 2_500)
    return () => window.clearTimeout(timer)
  }, [notice])
  return (
    <>
      <Header />
      <Banner />
      <FaultsBanner />
      <Guard of={title}>
        <Suspense fallback={<Main className="run"><Skeleton name="Loading the view…" /></Main>}>
          <View route={route} />
        </Suspense>
      </Guard>
      <div role="status" className={`notice${notice === "" ? "" : " is-shown"}`}>{notice}</div>
      {dialog === "keys" && <Keys />}
    </>
  )
}
