/** Makes the flow of the SDK from the schemas of a caller. */
import * as SdkFlow from "@effect-noukai/sdk/Flow"
import * as Schema from "effect/Schema"
import type { AnySchema, FlowSchemas } from "../../Schemas.js"
import { fieldsOf, noSchema, reading, refusal } from "../options/reading.js"
import { refuseUnknown } from "../options/unknown.js"

const operation = "noukai.flow"

/** Returns the flow with its schemas. `null` counts as absent. Throws a refusal of a value that is not a schema. */
export const typedTarget = (
  address: SdkFlow.FlowAddress,
  schemas: FlowSchemas<AnySchema, AnySchema>
): SdkFlow.Flow => {
  const given = reading(operation, "options", () => {
    const fields = fieldsOf(operation, schemas)
    refuseUnknown(operation, fields, { parameters: true, result: true })
    const { parameters, result } = fields
    const checked = { parameters: parameters ?? undefined, result: result ?? undefined }
    return SdkFlow.make(address, checked as SdkFlow.Schemas<SdkFlow.AnyParameters, unknown>)
  })
  for (const name of ["parameters", "result"] as const) {
    if (given[name] !== undefined && !Schema.isSchema(given[name])) throw refusal(operation, name, noSchema)
  }
  return given
}
