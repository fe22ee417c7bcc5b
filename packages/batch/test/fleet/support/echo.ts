/** The batch of the tests of fleets. */
import { Batch } from "@effect-noukai/batch"

export const echo = Batch.make({
  id: "echo",
  flow: "acme/fleet/echo",
  key: (row: { readonly id: string }) => row.id,
  input: ({ id }) => ({ message: `row ${id}` })
})
