/** Flows whose sessions are kept, one of them with a secret in its output. */
import type { EmulatorOptions } from "@effect-noukai/emulator"

export const [flow, broken] = ["acme/test/echo", "acme/test/broken"]

export const session = "5d1c9f44-7a0b-4f5e-9a55-0f6f5f2f9c01"

/** A key of another service, in two parts, so that nobody takes it for one. */
export const secret = "gh" + "p_0123456789abcdefghijABCDEFGHIJ012345"

export const options: EmulatorOptions = {
  capture: "full",
  flows: [
    {
      ref: flow,
      steps: [{ kind: "template", id: "say", output: { text: "{{message}}", email: "a@example.org", key: secret } }]
    },
    { ref: broken, steps: [{ kind: "fail", id: "draft", code: "UNAVAILABLE", message: "no" }] },
    { ref: "acme/test/job", steps: [{ kind: "template", id: "say", output: "x" }] },
    { ref: "acme/test/off", capture: "off", steps: [{ kind: "template", id: "say", output: "x" }] }
  ]
}
