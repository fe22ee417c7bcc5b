import type { FlowInput, Message } from "@effect-noukai/adapters/Page"
import { z } from "zod"

const Order = z.object({ order: z.int(), reason: z.string().max(2_000) })

/** The option `input` of `flowPage`: makes the parameters of a run of the data of `run(message, data)`. */
export const inputOf = (messages: ReadonlyArray<Message>): FlowInput => {
  const part = messages.at(-1)?.parts.find(({ type }) => type === "data-input")
  const { data, success } = Order.safeParse(part?.data)
  if (!success) throw Object.assign(new Error("not an order"), { status: 400, detail: "INVALID_ORDER" })
  return { message: data.reason, parameters: { order: data.order } }
}
