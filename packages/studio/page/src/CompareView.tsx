/** Two runs side by side. */
import type { ReactNode } from "react"
import type { CompareRoute } from "./route.js"

const CompareView = (_: { readonly route: CompareRoute }): ReactNode => null

export default CompareView
