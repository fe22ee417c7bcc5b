/** Every state of the page as its address. */
import { isUuid } from "@effect-noukai/sdk/kit/names"
import type { RunFilter, RunOrder } from "./api.js"

export interface RunsRoute {
  readonly view: "runs"
  readonly filter: RunFilter
  /** The time until now in which the runs began. */
  readonly range: RunRange | undefined
  /** Absent: the newest first. */
  readonly order: RunOrder | undefined
}

const hour = 3_600_000

export const rangeTimes = {
  "1h": { ms: hour, name: "1 h" },
  "24h": { ms: 24 * hour, name: "24 h" },
  "7d": { ms: 7 * 24 * hour, name: "7 d" }
} as const

export type RunRange = keyof typeof rangeTimes

export const rangeNames = ["1h", "24h", "7d"] as const

const minute = 60_000

/** The filter of a list now. A range begins at a whole minute, so that the reads of one minute have one filter. */
export const filterOf = ({ filter, range }: RunsRoute): RunFilter =>
  range === undefined ? filter : { ...filter, from: Math.floor((Date.now() - rangeTimes[range].ms) / minute) * minute }

export interface RunRoute {
  readonly view: "run"
  readonly flow: string
  readonly id: string
  /** The step that is shown. Absent: the one to show first. */
  readonly step: string | undefined
  readonly loop: number | undefined
  readonly attempt: number | undefined
  readonly tab: "timeline" | "totals"
  /** A text that is sought in the names and payloads of the steps. */
  readonly find: string
  /** Whether stretches in which nothing ran are folded. */
  readonly isFolded: boolean
  /** The part of the run that is shown, in milliseconds from its start. Absent: all of it. */
  readonly zoom: Zoom | undefined
  /** Whether the bars that decided when the run ended are marked. */
  readonly isCritical: boolean
}

export interface Zoom {
  readonly from: number
  readonly to: number
}

export interface SessionRoute {
  readonly view: "session"
  readonly id: string
  readonly isFolded: boolean
}

/** The search in the payloads of all runs. */
export interface FindRoute {
  readonly view: "find"
  readonly text: string
}

export interface BatchesRoute {
  readonly view: "batches"
}

export interface BatchRoute {
  readonly view: "batch"
  readonly ledger: string
  readonly batch: string
  readonly filter: RowFilter
  /** The page of rows: the rows after or before a number. Absent: the first page. */
  readonly page: RowPlace
  /** The key of the row that is shown. */
  readonly row: string | undefined
}

export interface RowFilter {
  readonly state?: string
  /** The kind and code of an error. */
  readonly error?: string
  /** A pattern of keys. */
  readonly key?: string
}

export type RowPlace = { readonly after: number } | { readonly before: number } | "last" | undefined

export interface EvalsRoute {
  readonly view: "evals"
}

export interface EvalRoute {
  readonly view: "eval"
  readonly ledger: string
  readonly eval: string
  readonly run: string
  readonly filter: CaseFilter
  /** The number of cases before the page. */
  readonly offset: number
  /** The key of the case that is shown. */
  readonly case: string | undefined
  /** The place of the candidate among several, from 0. */
  readonly side: number
}

export interface CaseFilter {
  readonly verdict?: string
  readonly check?: string
  readonly text?: string
}

/** A run by its names. */
export interface RunName {
  /** `org/project/slug` */
  readonly flow: string
  readonly id: string
}

export interface CompareRoute {
  readonly view: "compare"
  /** The runs that are compared. Without both of them, the reader chooses. */
  readonly before: RunName | undefined
  readonly after: RunName | undefined
  /** The steps that are listed. Absent: those that differ. While the reader chooses, `all`: the runs of all flows. */
  readonly show: CompareShow | undefined
  /** A part of the names of the steps, or of the facts of the runs to choose from. */
  readonly find: string
  /** The step that is open: its place in the second run, or in the first one if only that has it. */
  readonly step: StepPlace
}

export const compareShows = ["all", "changed", "missing", "new", "moved", "same"] as const

export type CompareShow = (typeof compareShows)[number]

/** `none`: no step is open. Absent: the one to show first. */
export type StepPlace = { readonly at: number } | { readonly was: number } | "none" | undefined

export interface ReconcileRoute {
  readonly view: "reconcile"
  readonly ledger: string
  readonly batch: string
  /** The kind of findings that are listed. Absent: those that do not agree. */
  readonly show: string | undefined
}

/** The form about a new run of a flow. */
export interface AgainRoute {
  readonly view: "again"
  readonly flow: string
  /** The run whose input the form begins with. Absent: the newest one. */
  readonly id: string | undefined
  /** The step at which the new run begins, when the form is opened. Absent: the first one. */
  readonly at: string | undefined
  /** The intention that was sent. The page asks for its outcome, and never sends it again. */
  readonly started: string | undefined
}

/** The numbers of a list of runs by version and day, or its costs by month, flow and model. */
export interface NumbersRoute {
  readonly view: "numbers"
  readonly tab: "versions" | "bill"
  readonly filter: RunFilter
}

export interface KeepRoute {
  readonly view: "keep"
  readonly session: string
  /** The values to remove: paths and patterns, one per line. */
  readonly paths: string
  readonly patterns: string
  readonly format: "json" | "csv"
  /** Names of fields of cases, one per line, and the first line of their file. */
  readonly fields: string
  readonly header: string
}

export interface EmulatorRoute {
  readonly view: "emulator"
  readonly tab: EmulatorTab
  /** A part of the requests that are listed. */
  readonly text: string
  /** The number of requests before the page, newest first. */
  readonly offset: number
  /** The id of the request that is shown. */
  readonly request: string | undefined
}

export const emulatorTabs = ["requests", "webhooks", "flows", "faults"] as const

export type EmulatorTab = (typeof emulatorTabs)[number]

export type Route =
  | RunsRoute
  | FindRoute
  | RunRoute
  | SessionRoute
  | BatchesRoute
  | BatchRoute
  | EvalsRoute
  | EvalRoute
  | CompareRoute
  | ReconcileRoute
  | AgainRoute
  | NumbersRoute
  | KeepRoute
  | EmulatorRoute

/** The views that the header links to. */
export type Area = "runs" | "batches" | "evals" | "emulator"

export const areaOf = ({ view }: Route): Area => {
  switch (view) {
    case "runs":
    case "run":
    case "find":
    case "session":
    case "compare":
    case "again":
    case "numbers":
    case "keep":
      return "runs"
    case "batches":
    case "batch":
    case "reconcile":
      return "batches"
    case "evals":
    case "eval":
      return "evals"
    case "emulator":
      return "emulator"
  }
}

export const filterNames = ["flow", "status", "session", "text", "from", "to"] as const

const numberOf = (text: string | null): number | undefined =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined

/** An instant, in milliseconds since 1970. */
const instantOf = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The fields of an address that have a text. */
const fieldsOf = <Name extends string>(
  query: URLSearchParams,
  names: ReadonlyArray<Name>
): { readonly [name in Name]?: string } => {
  const fields: { [name in Name]?: string } = {}
  for (const name of names) {
    const value = query.get(name)?.trim()
    if (value !== undefined && value !== "") fields[name] = value
  }
  return fields
}

const runFilterOf = (query: URLSearchParams): RunFilter => {
  const [from, to] = [instantOf(query.get("from")), instantOf(query.get("to"))]
  return {
    ...fieldsOf(query, ["flow", "status", "session", "text"]),
    ...from !== undefined && { from },
    ...to !== undefined && { to }
  }
}

const zoomOf = (query: URLSearchParams): Zoom | undefined => {
  const [from, to] = [numberOf(query.get("from")), numberOf(query.get("to"))]
  return from !== undefined && to !== undefined && from < to ? { from, to } : undefined
}

const rowFilterNames = ["state", "error", "key"] as const

const caseFilterNames = ["verdict", "check", "text"] as const

const placeOf = (query: URLSearchParams): RowPlace => {
  if (query.get("page") === "last") return "last"
  const [after, before] = [numberOf(query.get("after")), numberOf(query.get("before"))]
  return after !== undefined ? { after } : before !== undefined ? { before } : undefined
}

const runNameOf = (query: URLSearchParams, side: "before" | "after"): RunName | undefined => {
  const [flow, id] = [query.get(`${side}Flow`), query.get(side)]
  return flow === null || id === null || flow === "" || id === "" ? undefined : { flow, id }
}

const stepPlaceOf = (query: URLSearchParams): StepPlace => {
  if (query.get("step") === "none") return "none"
  const [at, was] = [numberOf(query.get("step")), numberOf(query.get("was"))]
  return at !== undefined ? { at } : was !== undefined ? { was } : undefined
}

export const parseRoute = ({ pathname, search }: { readonly pathname: string; readonly search: string }): Route => {
  const query = new URLSearchParams(search)
  const [area, ...rest] = pathname.split("/").filter((part) => part !== "").map(decoded)
  switch (area) {
    case "sessions":
      return rest.length === 0 ? runsRoute() : {
        ...sessionRoute(rest.join("/")),
        isFolded: query.get("idle") === "folded"
      }
    case "find":
      return findRoute(query.get("text") ?? "")
    case "batches":
      return rest.length < 2 ? batchesRoute : {
        ...batchRoute({ ledger: rest.slice(0, -1).join("/"), batch: rest.at(-1)! }),
        filter: fieldsOf(query, rowFilterNames),
        page: placeOf(query),
        row: query.get("row") ?? undefined
      }
    case "evals":
      return rest.length < 3 ? evalsRoute : {
        ...evalRoute({ ledger: rest.slice(0, -2).join("/"), eval: rest.at(-2)!, run: rest.at(-1)! }),
        filter: fieldsOf(query, caseFilterNames),
        offset: numberOf(query.get("offset")) ?? 0,
        case: query.get("case") ?? undefined,
        side: numberOf(query.get("side")) ?? 0
      }
    case "compare":
      return {
        ...compareRoute({ before: runNameOf(query, "before"), after: runNameOf(query, "after") }),
        show: compareShows.find((show) => show === query.get("show")),
        find: query.get("find") ?? "",
        step: stepPlaceOf(query)
      }
    case "reconcile":
      return rest.length < 2 ? batchesRoute : {
        ...reconcileRoute({ ledger: rest.slice(0, -1).join("/"), batch: rest.at(-1)! }),
        show: query.get("show") ?? undefined
      }
    case "again": {
      const flow = query.get("flow") ?? ""
      const started = query.get("started") ?? ""
      return flow === "" ? runsRoute() : {
        ...againRoute({ flow, id: query.get("id") ?? undefined }),
        at: query.get("at") ?? undefined,
        started: isUuid(started) ? started : undefined
      }
    }
    case "numbers":
      return numbersRoute(runFilterOf(query), rest[0] === "bill" ? "bill" : "versions")
    case "keep": {
      const session = query.get("session") ?? ""
      return session === "" ? runsRoute() : {
        ...keepRoute(session),
        paths: query.get("paths") ?? "",
        patterns: query.get("patterns") ?? "",
        format: query.get("format") === "csv" ? "csv" : "json",
        fields: query.get("fields") ?? "",
        header: query.get("header") ?? ""
      }
    }
    case "emulator":
      return {
        view: "emulator",
        tab: emulatorTabs.find((tab) => tab === rest[0]) ?? "requests",
        text: query.get("text") ?? "",
        offset: numberOf(query.get("offset")) ?? 0,
        request: query.get("request") ?? undefined
      }
  }
  if (rest.length >= 2) {
    return {
      view: "run",
      flow: rest.slice(0, -1).join("/"),
      id: rest.at(-1)!,
      step: query.get("step") ?? undefined,
      loop: numberOf(query.get("loop")),
      attempt: numberOf(query.get("attempt")),
      tab: query.get("tab") === "totals" ? "totals" : "timeline",
      find: query.get("find") ?? "",
      isFolded: query.get("idle") === "folded",
      zoom: zoomOf(query),
      isCritical: query.get("path") === "critical"
    }
  }
  const filter = runFilterOf(query)
  return runsRoute(filter, {
    range: filter.from === undefined && filter.to === undefined
      ? rangeNames.find((one) => one === query.get("range"))
      : undefined,
    order: orders.find((one) => one === query.get("order"))
  })
}

const orderNames = ["startedAt", "durationMs", "costUsd", "tokens", "status", "flow", "error", "model"] as const

/** The orders of a list but that of the newest first. */
const orders: ReadonlyArray<RunOrder> = orderNames.flatMap((name): ReadonlyArray<RunOrder> =>
  name === "startedAt" ? [name] : [name, `-${name}`]
)

/** The fields in one order, so that equal states have equal addresses. */
const ordered = <Name extends string>(
  fields: { readonly [name in Name]?: string },
  names: ReadonlyArray<Name>
): { readonly [name: string]: string | undefined } => Object.fromEntries(names.map((name) => [name, fields[name]]))

const pathOf = (...parts: ReadonlyArray<string>): string => `/${parts.map(encodeURIComponent).join("/")}`

export const hrefOf = (route: Route): string => {
  const query = new URLSearchParams()
  const add = (fields: { readonly [name: string]: string | number | undefined }): void => {
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined && value !== "") query.set(name, String(value))
    }
  }
  const path = (): string => {
    switch (route.view) {
      case "runs":
        add(Object.fromEntries(filterNames.map((name) => [name, route.filter[name]])))
        add({ range: route.range, order: route.order })
        return "/runs"
      case "run":
        add({
          step: route.step,
          loop: route.loop,
          attempt: route.attempt,
          tab: route.tab === "totals" ? "totals" : undefined,
          find: route.find,
          idle: route.isFolded ? "folded" : undefined,
          ...route.zoom,
          path: route.isCritical ? "critical" : undefined
        })
        return pathOf("runs", ...route.flow.split("/"), route.id)
      case "find":
        add({ text: route.text })
        return "/find"
      case "session":
        add({ idle: route.isFolded ? "folded" : undefined })
        return pathOf("sessions", route.id)
      case "batch":
        add(ordered(route.filter, rowFilterNames))
        add({ ...(route.page === "last" ? { page: "last" } : route.page), row: route.row })
        return pathOf("batches", ...route.ledger.split("/"), route.batch)
      case "eval":
        add(ordered(route.filter, caseFilterNames))
        add({ side: route.side || undefined, offset: route.offset || undefined, case: route.case })
        return pathOf("evals", ...route.ledger.split("/"), route.eval, route.run)
      case "compare":
        add({
          beforeFlow: route.before?.flow,
          before: route.before?.id,
          afterFlow: route.after?.flow,
          after: route.after?.id,
          show: route.show,
          find: route.find,
          ...(route.step === "none"
            ? { step: "none" }
            : route.step && "at" in route.step
            ? { step: route.step.at }
            : route.step)
        })
        return "/compare"
      case "reconcile":
        add({ show: route.show })
        return pathOf("reconcile", ...route.ledger.split("/"), route.batch)
      case "again":
        add({ flow: route.flow, id: route.id, at: route.at, started: route.started })
        return "/again"
      case "numbers":
        add(Object.fromEntries(filterNames.map((name) => [name, route.filter[name]])))
        return route.tab === "bill" ? "/numbers/bill" : "/numbers"
      case "keep":
        add({
          session: route.session,
          paths: route.paths,
          patterns: route.patterns,
          format: route.format === "csv" ? "csv" : undefined,
          fields: route.fields,
          header: route.header
        })
        return "/keep"
      case "emulator":
        if (route.tab !== "requests") return pathOf("emulator", route.tab)
        add({ text: route.text, offset: route.offset === 0 ? undefined : route.offset, request: route.request })
        return "/emulator"
      case "batches":
      case "evals":
        return `/${route.view}`
    }
  }
  const found = path()
  return `${found}${query.size === 0 ? "" : `?${query}`}`
}

export const runsRoute = (
  filter: RunFilter = {},
  { order, range }: Partial<Pick<RunsRoute, "order" | "range">> = {}
): RunsRoute => ({ view: "runs", filter, range, order })

export const runRoute = ({ flow, id }: { readonly flow: string; readonly id: string }): RunRoute => ({
  view: "run",
  flow,
  id,
  step: undefined,
  loop: undefined,
  attempt: undefined,
  tab: "timeline",
  find: "",
  isFolded: false,
  zoom: undefined,
  isCritical: false
})

export const sessionRoute = (id: string): SessionRoute => ({ view: "session", id, isFolded: false })

export const findRoute = (text = ""): FindRoute => ({ view: "find", text })

export const batchesRoute: BatchesRoute = { view: "batches" }

export const batchRoute = ({ batch, ledger }: Pick<BatchRoute, "batch" | "ledger">): BatchRoute => ({
  view: "batch",
  ledger,
  batch,
  filter: {},
  page: undefined,
  row: undefined
})

export const evalsRoute: EvalsRoute = { view: "evals" }

export const evalRoute = (of: Pick<EvalRoute, "eval" | "ledger" | "run"> & { readonly side?: number }): EvalRoute => ({
  view: "eval",
  ledger: of.ledger,
  eval: of.eval,
  run: of.run,
  filter: {},
  offset: 0,
  case: undefined,
  side: of.side ?? 0
})

export const compareRoute = ({ after, before }: {
  readonly before?: RunName | undefined
  readonly after?: RunName | undefined
}): CompareRoute => ({
  view: "compare",
  before: before && { flow: before.flow, id: before.id },
  after: after && { flow: after.flow, id: after.id },
  show: undefined,
  find: "",
  step: undefined
})

export const reconcileRoute = ({ batch, ledger }: Pick<BatchRoute, "batch" | "ledger">): ReconcileRoute => ({
  view: "reconcile",
  ledger,
  batch,
  show: undefined
})

export const againRoute = ({ flow, id }: Pick<AgainRoute, "flow" | "id">): AgainRoute => ({
  view: "again",
  flow,
  id,
  at: undefined,
  started: undefined
})

export const numbersRoute = (filter: RunFilter, tab: NumbersRoute["tab"] = "versions"): NumbersRoute => ({
  view: "numbers",
  tab,
  filter
})

export const keepRoute = (session: string): KeepRoute => ({
  view: "keep",
  session,
  paths: "",
  patterns: "",
  format: "json",
  fields: "",
  header: ""
})

export const emulatorRoute: EmulatorRoute = {
  view: "emulator",
  tab: "requests",
  text: "",
  offset: 0,
  request: undefined
}

/** The first view of each area. */
export const areas: { readonly [area in Area]: { readonly name: string; readonly route: Route } } = {
  runs: { name: "Runs", route: runsRoute() },
  batches: { name: "Batches", route: batchesRoute },
  evals: { name: "Evals", route: evalsRoute },
  emulator: { name: "Emulator", route: emulatorRoute }
}
