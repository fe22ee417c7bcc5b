import type { ReactNode } from "react"
import { Main } from "./parts.js"
import { presence, useStream } from "./reads.js"
import type { SessionRoute } from "./route.js"

const SessionView = (_: { readonly route: SessionRoute }): ReactNode => {
  useStream(presence.path, presence.params, {})
  return <Main className="run"><h1>Session</h1></Main>
}

export default SessionView
