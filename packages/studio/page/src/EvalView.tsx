import type { ReactNode } from "react"
import { Main } from "./parts.js"
import { presence, useStream } from "./reads.js"
import type { EvalRoute } from "./route.js"

const EvalView = (_: { readonly route: EvalRoute }): ReactNode => {
  useStream(presence.path, presence.params, {})
  return <Main className="run"><h1>Eval</h1></Main>
}

export default EvalView
