import type { ReactNode } from "react"
import { Main } from "./parts.js"
import { presence, useStream } from "./reads.js"

const BatchesView = (): ReactNode => {
  useStream(presence.path, presence.params, {})
  return <Main className="run"><h1>Batches</h1></Main>
}

export default BatchesView
