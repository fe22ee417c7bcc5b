/** A batch beside the runs of the server. */
import type { ReactNode } from "react"
import type { ReconcileRoute } from "./route.js"

const ReconcileView = (_: { readonly route: ReconcileRoute }): ReactNode => null

export default ReconcileView
