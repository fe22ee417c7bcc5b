import { record } from "@effect-noukai/promise/testing"
import { join } from "node:path"
import { expect, test } from "vitest"
import { outputs } from "./streams.js"

// your code takes the client; the first run of the test records, and needs NOUKAI_API_KEY
test("an order is classified and answered", () =>
  record(join(import.meta.dirname, "cassettes/order.json"), async (noukai) => {
    expect(await outputs(noukai)).toEqual({
      classify: { about: "Where is A17?", label: "order" },
      answer: { text: "About your order: Where is A17?" }
    })
  }))
