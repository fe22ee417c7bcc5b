/** The endpoints of the search over all runs. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { StudioApi } from "../StudioApi.js"
import type { Finding } from "./finding.js"

/** The handlers. */
export const layer = ({ begin, find, state }: Finding) =>
  HttpApiBuilder.group(StudioApi, "find", (handlers) =>
    handlers
      .handle("state", () => state)
      .handle("find", ({ urlParams: { text } }) => find(text))
      .handle("begin", () => begin))
