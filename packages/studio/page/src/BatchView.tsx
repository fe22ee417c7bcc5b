import type { ReactNode } from "react"
import { Main } from "./parts.js"
import { presence, useStream } from "./reads.js"
import type { BatchRoute } from "./route.js"

const BatchView = (_: { readonly route: BatchRoute }): ReactNode => {
  useStream(presence.path, presence.params, {})
  return <Main className="run"><h1>Batch</h1></Main>
}

export default BatchView
