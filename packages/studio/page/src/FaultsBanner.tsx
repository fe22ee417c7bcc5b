/** A line on every view while the faults of the studio are on. */
import { type ReactNode, useEffect, useState } from "react"
import { type EmulatorState, read } from "./api.js"
import { oneLine, visible } from "./format.js"
import { switchOff } from "./faults.js"
import { useRefresh } from "./reads.js"
import { Button, Icon, Link } from "./parts.js"
import { emulatorRoute } from "./route.js"
import { get, set, useApp } from "./store.js"

/** The time between two looks at the faults from other views, in milliseconds. */
const seldom = 2_000

/** The rules that the studio switched on. */
export const ownRules = (emulator: EmulatorState | undefined): ReadonlyArray<string> =>
  emulator?.faults.filter(({ isOurs }) => isOurs).map(({ rule }) => rule) ?? []

const look = (): void => {
  read("emulator.emulator", {}, new AbortController().signal).then(
    (emulator) => get().route.view !== "emulator" && set({ emulator }),
    // the connection of the page says that the studio is gone
    () => undefined
  )
}

export const FaultsBanner = (): ReactNode => {
  const isThere = useApp(({ source }) => source?.views.includes("emulator") === true)
  const isElsewhere = useApp(({ route }) => route.view !== "emulator")
  // that view says it in full
  const isShown = useApp(({ route }) => route.view !== "emulator" || route.tab !== "faults")
  const isLive = useApp(({ connection }) => connection === "live")
  const emulator = useApp(({ emulator }) => emulator)
  const isWatched = isThere && isElsewhere && isLive
  const [problem, setProblem] = useState("")
  useEffect(() => {
    if (isWatched) look()
  }, [isWatched])
  useRefresh(look, isWatched ? seldom : undefined)
  const rules = isThere && isShown ? ownRules(emulator) : []
  useEffect(() => setProblem(""), [rules.length])
  return (
    <div role="status" className="banner-place">
      {rules.length > 0 && (
        <p className="faults-banner">
          <Icon name="fault" />
          <span>
            <strong>Faults are on.</strong> <bdi>{oneLine(rules.join("; ")).slice(0, 200)}.</bdi>
            {problem !== "" && <> <span className="is-bad">{visible(problem)}</span></>}
          </span>
          <Link className="button button-quiet" to={{ ...emulatorRoute, tab: "faults" }}>Show</Link>
          <Button kind="quiet" onClick={() => void switchOff().catch((error: Error) => setProblem(error.message))}>Switch off</Button>
        </p>
      )}
    </div>
  )
}
