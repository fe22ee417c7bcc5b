import type { ReactNode } from "react"
import { Main } from "./parts.js"
import { presence, useStream } from "./reads.js"

const EvalsView = (): ReactNode => {
  useStream(presence.path, presence.params, {})
  return <Main className="run"><h1>Evals</h1></Main>
}

export default EvalsView
