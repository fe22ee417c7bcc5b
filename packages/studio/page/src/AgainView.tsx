/** The form about a new run. */
import type { ReactNode } from "react"
import type { AgainRoute } from "./route.js"

const AgainView = ({ route }: { readonly route: AgainRoute }): ReactNode => <main id="main">{route.flow}</main>

export default AgainView
