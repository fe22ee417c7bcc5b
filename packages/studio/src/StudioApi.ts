/**
 * The HTTP API between the studio's server and its page. The page takes its types from the parts of it, and nothing else.
 *
 * Every answer is about what the sources of the studio know. A fact that is not known is absent, never a guess. Times are in
 * milliseconds since 1970, durations in milliseconds, costs in US dollars as decimal text.
 *
 * @since 0.1.0
 */
import * as HttpApi from "@effect/platform/HttpApi"
import { batchesGroup } from "./BatchesApi.js"
import { compareGroup } from "./CompareApi.js"
import { emulatorGroup } from "./EmulatorApi.js"
import { evalsGroup } from "./EvalsApi.js"
import { findGroup } from "./FindApi.js"
import { keepGroup } from "./KeepApi.js"
import { numbersGroup } from "./NumbersApi.js"
import { reconcileGroup } from "./ReconcileApi.js"
import { runAgainGroup } from "./RunAgainApi.js"
import { runsGroup } from "./RunsApi.js"

/**
 * All endpoints. Those of a view that has no source answer 404.
 *
 * @since 0.1.0
 * @category api
 */
export class StudioApi extends HttpApi.make("studio")
  .add(runsGroup)
  .add(batchesGroup)
  .add(evalsGroup)
  .add(emulatorGroup)
  .add(compareGroup)
  .add(runAgainGroup)
  .add(keepGroup)
  .add(findGroup)
  .add(reconcileGroup)
  .add(numbersGroup)
  .prefix("/api")
{}
