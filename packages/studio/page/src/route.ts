/** Every state of the page as its address. */
import type { RunFilter } from "./api.js"

export interface RunsRoute {
  readonly view: "runs"
  readonly filter: RunFilter
}

export interface RunRoute {
  readonly view: "run"
  readonly flow: string
  readonly id: string
  /** The step that is shown. Absent: the one to show first. */
  readonly step: string | undefined
  readonly loop: number | undefined
  readonly attempt: number | undefined
  readonly tab: "timeline" | "totals"
  /** A part of the names of the steps that are listed. */
  readonly find: string
  /** Whether stretches in which nothing ran are folded. */
  readonly isFolded: boolean
}

export type Route = RunsRoute | RunRoute

export const filterNames = ["flow", "status", "session", "text"] as const

const numberOf = (text: string | null): number | undefined =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : undefined

const decoded = (part: string): string => {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export const parseRoute = ({ pathname, search }: { readonly pathname: string; readonly search: string }): Route => {
  const query = new URLSearchParams(search)
  const [, ...rest] = pathname.split("/").filter((part) => part !== "").map(decoded)
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
      isFolded: query.get("idle") === "folded"
    }
  }
  const filter: { [Name in (typeof filterNames)[number]]?: string } = {}
  for (const name of filterNames) {
    const value = query.get(name)?.trim()
    if (value !== undefined && value !== "") filter[name] = value
  }
  return { view: "runs", filter }
}

export const hrefOf = (route: Route): string => {
  const query = new URLSearchParams()
  const add = (name: string, value: string | number | undefined): void => {
    if (value !== undefined && value !== "") query.set(name, String(value))
  }
  let path = "/runs"
  if (route.view === "runs") {
    for (const name of filterNames) add(name, route.filter[name])
  } else {
    path += `/${[...route.flow.split("/"), route.id].map(encodeURIComponent).join("/")}`
    add("step", route.step)
    add("loop", route.loop)
    add("attempt", route.attempt)
    add("tab", route.tab === "totals" ? "totals" : undefined)
    add("find", route.find)
    add("idle", route.isFolded ? "folded" : undefined)
  }
  return `${path}${query.size === 0 ? "" : `?${query}`}`
}

export const runsRoute = (filter: RunFilter = {}): RunsRoute => ({ view: "runs", filter })

export const runRoute = ({ flow, id }: { readonly flow: string; readonly id: string }): RunRoute => ({
  view: "run",
  flow,
  id,
  step: undefined,
  loop: undefined,
  attempt: undefined,
  tab: "timeline",
  find: "",
  isFolded: false
})
