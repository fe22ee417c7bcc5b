/** The state that all endpoints of one server share. */
import type { StreamOutputs } from "../EmulatorOptions.js"
import type { Engine } from "./engine/engine.js"
import type { JobQueue } from "./engine/jobQueue.js"
import type { FaultRules } from "./faults/faultRules.js"
import type { Flows } from "./flow/flows.js"
import type { Accounts } from "./store/accounts.js"
import type { Ids } from "./store/ids.js"
import type { Ledger } from "./store/ledger.js"
import type { Runs } from "./store/runs.js"
import type { Webhooks } from "./webhooks/webhooks.js"

export interface State {
  readonly ids: Ids
  readonly ledger: Ledger
  readonly flows: Flows
  readonly accounts: Accounts
  readonly runs: Runs
  readonly faults: FaultRules
  readonly engine: Engine
  readonly jobs: JobQueue
  readonly webhooks: Webhooks
  /** The time in ms before the row of a job is visible. */
  readonly jobRowDelay: number
  readonly streamOutputs: StreamOutputs
}
