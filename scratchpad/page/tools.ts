import { z } from "zod"

/** The input of `confirm`, a tool that asks the user of the page. The server and the page check it. */
export const Confirm = z.object({ question: z.string() })

/** The answer of the user. The server checks it before the run goes on. */
export const Confirmed = z.boolean()
