/** The facts of a comparison in words, and the steps that are listed. */
import type { StepDiff, TraceDiff } from "@effect-noukai/report/TraceDiff"
import { count, exactCost, plural } from "./format.js"
import { type CompareRoute, parseRoute, type RunName, type StepPlace } from "./route.js"

/** The decimals of a number, which JSON gives in its shortest form. */
const decimals = (value: number): number =>
  /e-(\d+)$/.test(String(value)) ? 9 : String(value).split(".")[1]?.length ?? 0

/** A time with all of its digits: `412 ms`, `1.153 s`, `2 m 05.000 s`. */
export const exactMillis = (ms: number): string => {
  if (!Number.isFinite(ms)) return "unknown"
  if (ms < 1_000) return `${ms.toFixed(decimals(ms))} ms`
  const digits = 3 + decimals(ms)
  if (ms < 60_000) return `${(ms / 1_000).toFixed(digits)} s`
  const minutes = Math.floor(ms / 60_000)
  return `${minutes} m ${((ms - minutes * 60_000) / 1_000).toFixed(digits).padStart(digits + 3, "0")} s`
}

export const signedMillis = (ms: number): string =>
  ms === 0 ? "0 ms" : `${ms < 0 ? "−" : "+"}${exactMillis(Math.abs(ms))}`

/** A difference in US dollars, with all of its digits: `+$0.000012`. */
export const signedCost = (usd: string): string => {
  const amount = /^-?\d+(?:\.\d+)?$/.test(usd) ? usd : "0"
  return !/[1-9]/.test(amount)
    ? exactCost("0")
    : amount.startsWith("-")
    ? `−${exactCost(amount.slice(1))}`
    : `+${exactCost(amount)}`
}

export const isDifferent = ({ isMoved, kind }: StepDiff): boolean => kind !== "same" || isMoved

/** The steps that the address lists, as places in the comparison. The open one is always among them. */
export const listedSteps = (
  steps: ReadonlyArray<StepDiff>,
  { find, show }: Pick<CompareRoute, "find" | "show">,
  open: number | undefined
): ReadonlyArray<number> => {
  const text = find.trim().toLowerCase()
  return steps.flatMap((step, index) => {
    const isShown = show === undefined
      ? isDifferent(step)
      : show === "all" || (show === "moved" ? step.isMoved : step.kind === show)
    return index === open || (isShown && step.stepId.toLowerCase().includes(text)) ? [index] : []
  })
}

/** The place of a step, as addresses have it. */
export const placeOf = ({ after, before }: StepDiff): StepPlace =>
  after !== undefined ? { at: after.place } : before !== undefined ? { was: before.place } : undefined

/** The step that is open. Without a choice: where the runs part, or their first difference. */
export const openStep = ({ partsAt, steps }: TraceDiff, place: StepPlace, isLive: boolean): number | undefined => {
  if (place === "none") return undefined
  const index = place === undefined
    ? partsAt ?? (isLive ? -1 : steps.findIndex(isDifferent))
    : "at" in place
    ? steps.findIndex(({ after }) => after?.place === place.at)
    : steps.findIndex(({ after, before }) => after === undefined && before?.place === place.was)
  return index === -1 ? undefined : index
}

export const stepName = ({ attempt, loopIndex, stepId }: StepDiff): string =>
  `${stepId}${loopIndex === undefined ? "" : ` [${loopIndex}]`}${attempt === 1 ? "" : `, attempt ${attempt}`}`

const payloads = ["input", "output", "error"] as const

/** The differences of a step in words. */
export const differencesOf = (step: StepDiff): ReadonlyArray<string> => {
  const { after, before, isMoved } = step
  if (before === undefined || after === undefined) return []
  const arrow = (was: string | undefined, is: string | undefined): string => `${was ?? "unknown"} → ${is ?? "unknown"}`
  return [
    ...isMoved ? [`place ${before.place} → ${after.place}`] : [],
    ...before.status === after.status ? [] : [arrow(before.status, after.status)],
    ...before.modelUsed === after.modelUsed ? [] : [arrow(before.modelUsed, after.modelUsed)],
    ...payloads.filter((name) => (step[name] ?? []).length > 0)
  ]
}

/** The result of the comparison as a sentence. */
export const verdictText = ({ after, before, steps: all, verdict }: TraceDiff): string => {
  if (verdict === "same") return all.length === 0 ? "Neither run has a step." : "Both runs have the same steps."
  if (verdict === "unknown") return "No difference was found, but not all of their inputs and outputs are known."
  const steps = all.filter(isDifferent).length
  const parts = [
    ...before.status === after.status ? [] : ["in their status"],
    ...steps === 0 ? [] : [`in ${count(steps)} of ${plural(all.length, "step")}`]
  ]
  return `The runs differ ${parts.join(" and ")}.`
}

/** Which of the runs go on. */
export interface Live {
  readonly before: boolean
  readonly after: boolean
}

/** The kind of a step. Of a run that goes on, a step that has not begun is not missing. */
export const kindOf = (
  { after, before, isMoved, kind }: StepDiff,
  live: Live
): readonly [status: string, word: string] => {
  if (live.after && kind === "missing" || live.before && kind === "new") return ["pending", "not yet"]
  if (live.after && after?.status === "running" || live.before && before?.status === "running") {
    return ["running", "running"]
  }
  return kind === "same" && isMoved ? ["moved", "moved"] : [kind, kind]
}

/** The differences of two runs of which one goes on. */
export const soFarText = ({ steps }: TraceDiff, live: Live): string => {
  const kinds = steps.map((step) => kindOf(step, live)[0])
  const [changed, added, moved] = ["changed", "new", "moved"].map((kind) => kinds.filter((one) => one === kind).length)
  return changed! + added! + moved! === 0
    ? "No difference so far."
    : `So far: ${count(changed!)} changed, ${count(added!)} new, ${count(moved!)} moved.`
}

/** The run that a text names: `org/project/flow/id`, the address of a run in the studio, or an id of a known flow. */
export const runNamed = (text: string, flow: string | undefined): RunName | undefined => {
  const name = text.trim()
  if (/^https?:\/\//.test(name)) {
    const route = URL.canParse(name) ? parseRoute(new URL(name)) : undefined
    return route?.view === "run" ? { flow: route.flow, id: route.id } : undefined
  }
  const [id = "", ...rest] = name.split("/").reverse()
  if (id === "" || /\s/.test(name)) return undefined
  if (rest.length === 0) return flow === undefined ? undefined : { flow, id }
  return rest.length < 3 || rest.includes("") ? undefined : { flow: rest.reverse().join("/"), id }
}
