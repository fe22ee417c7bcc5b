import type { ReactNode } from "react"
import { Main } from "./parts.js"
import { presence, useStream } from "./reads.js"
import type { EmulatorRoute } from "./route.js"

const EmulatorView = (_: { readonly route: EmulatorRoute }): ReactNode => {
  useStream(presence.path, presence.params, {})
  return <Main className="run"><h1>Emulator</h1></Main>
}

export default EmulatorView
