/** A session as a test. */
import type { ReactNode } from "react"
import type { KeepRoute } from "./route.js"

const KeepView = ({ route }: { readonly route: KeepRoute }): ReactNode => <main id="main">{route.session}</main>

export default KeepView
