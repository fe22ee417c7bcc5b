/**
 * A flow in a page of React, 18 or 19: `useFlow` is `createFlow` of `@effect-noukai/promise/page` as a hook.
 *
 * @since 0.1.0
 */
import { useEffect, useState, useSyncExternalStore } from "react"
import { createFlow, type PageActions, type PageFlow, type PageOptions, type PageState } from "./page.js"

/**
 * The state of a run, and what a component does with it.
 *
 * @since 0.1.0
 * @category models
 */
export type PageHandle<R = unknown, T extends object = Record<string, unknown>> = PageState<R, T> & PageActions<R, T>

interface Held<R, T extends object> {
  /** The options of the newest render. */
  readonly options: PageOptions<R, T>
  readonly flow: PageFlow<R, T>
  /** The state on the server, and during hydration. */
  readonly first: () => PageState<R, T>
}

const hold = <R, T extends object>(given: PageOptions<R, T>): Held<R, T> => {
  const options = { ...given }
  const flow = createFlow(options)
  const first = flow.state()
  return { options, flow, first: () => first }
}

/**
 * Runs a flow from a component. The first render shows `idle`, then a run of the same `id` that is under way is found and
 * followed. A StrictMode sends no request twice. Another `url` or `id` begins with a flow of its own; other options take
 * effect at the next render. When the component leaves, the stream is closed.
 *
 * @example
 * ```tsx
 * import { useFlow } from "@effect-noukai/promise/react"
 *
 * export const Triage = ({ order }: { order: string }) => {
 *   const { run, status, text } = useFlow({ url: "/api/triage", id: order })
 *   return <button disabled={status === "running"} onClick={() => run("Where is it?")}>{text || "Ask"}</button>
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const useFlow = <R = unknown, T extends object = Record<string, unknown>>(
  options: PageOptions<R, T>
): PageHandle<R, T> => {
  const [held, setHeld] = useState(() => hold(options))
  let current = held
  if (held.options.url !== options.url || held.options.id !== options.id) {
    current = hold(options)
    setHeld(current)
  }
  useEffect(() => {
    Object.assign(current.options, options)
  })
  const { answer, cancel, run, state, subscribe } = current.flow
  return { ...useSyncExternalStore(subscribe, state, current.first), answer, cancel, run }
}
