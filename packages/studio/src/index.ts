/**
 * A page that shows the runs of Noukai flows, live.
 *
 * @since 0.1.0
 */
export { Studio, StudioError } from "./Studio.js"
export type { RunChange, StoredRun, StoredSession } from "./StudioSource.js"
export { StudioSource } from "./StudioSource.js"
