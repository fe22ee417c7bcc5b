/** The endpoints of sessions that are kept. */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type { KeepAddress } from "../KeepApi.js"
import { StudioApi } from "../StudioApi.js"
import { StudioSource } from "../StudioSource.js"
import * as Keep from "./keep.js"
import type { Mask } from "./text.js"

/** The handlers. */
export const layer = (mask: Mask) =>
  HttpApiBuilder.group(StudioApi, "keep", (handlers) =>
    Effect.map(StudioSource, (source) => {
      const redacted = (address: KeepAddress) =>
        Effect.flatMap(source.session(address.session), (session) => Keep.redacted(address, session))
      return handlers
        .handle("keep", ({ urlParams }) => Effect.zipWith(source.source, redacted(urlParams), Keep.keptOf(mask)))
        .handleRaw("keepFile", ({ urlParams: { file, ...address } }) =>
          Effect.map(redacted(address), (one) => {
            const [name, text] = Keep.fileOf(one, file)
            return HttpServerResponse.text(text, {
              contentType: file === "test" ? "text/plain; charset=utf-8" : "application/json",
              headers: { "content-disposition": `attachment; filename="${name}"` }
            })
          }))
        .handle("keepCases", ({ urlParams: { fields, format, header, ...address } }) =>
          Effect.gen(function*() {
            return yield* Keep.casesOf(mask, yield* source.source, yield* redacted(address), { fields, format, header })
          }))
    }))
