/** The faults of an emulator in words. */
import type { FaultRule } from "@effect-noukai/emulator/Fault"
import type { EmulatorState } from "../EmulatorApi.js"

const countOf = (rule: FaultRule): string => {
  const [one, many] = rule.match?.endpoint === "webhook" ? ["Webhook", "Webhooks"] : ["Request", "Requests"]
  if (rule.match?.nth !== undefined) return `${one} ${rule.match.nth}`
  return "rate" in rule ? `${Number((100 * rule.rate).toPrecision(12))} % of ${many.toLowerCase()}` : many
}

/** Returns a rule as a sentence without its point. */
export const ruleText = (rule: FaultRule): string => {
  const { endpoint, flow, nth } = rule.match ?? {}
  const which = `${endpoint === undefined || endpoint === "webhook" ? "" : ` to ${endpoint}`}${
    flow === undefined ? "" : ` of ${flow}`
  }`
  const faults = "rate" in rule
    ? `${rule.faults.join(" or ")}${rule.seed === undefined ? "" : `, seed ${rule.seed}`}`
    : `${rule.script.join(", then ")}${rule.repeat === true ? ", again and again" : ""}`
  return `${countOf(rule)}${which} ${nth === undefined ? "take" : "takes"} ${faults}`
}

/** Faults to choose from. */
export const catalogue: EmulatorState["catalogue"] = [
  { fault: "503", effect: "answers 503 in place of a run; nothing runs" },
  { fault: "429:retry=2", effect: "answers 429 with Retry-After: 2; nothing runs" },
  { fault: "502:html", effect: "answers 502 with a page, as a proxy does; nothing runs" },
  { fault: "reset", effect: "resets the connection before anything runs" },
  { fault: "reset:late", effect: "resets the connection after the run, before its response" },
  { fault: "cut:b20", effect: "closes the connection after 20 bytes of the response" },
  { fault: "cut:e2", effect: "closes the connection after 2 events of a stream" },
  { fault: "end:e2", effect: "ends a stream after 2 events, without an error" },
  { fault: "delay:2000", effect: "sends nothing for 2 seconds" },
  { fault: "stall:10000", effect: "is silent for 10 seconds after the headers and the first event" },
  { fault: "drip:16:50", effect: "sends 16 bytes at a time, with 50 ms between" },
  { fault: "malformed", effect: "sends an event that is not JSON, before the first" },
  { fault: "drop:e2", effect: "leaves out the second event" },
  { fault: "repeat:e2", effect: "sends the second event twice" },
  { fault: "html", effect: "answers 200 with a page; the flow has run" },
  { fault: "empty", effect: "answers 200 without a body; the flow has run" },
  { fault: "row:3000", effect: "hides a job from polls for 3 seconds" },
  { fault: "cancel", effect: "cancels a job when it begins" },
  { fault: "late:5000", effect: "sends a webhook 5 seconds later; for webhooks alone" },
  { fault: "twice", effect: "sends a webhook twice; for webhooks alone" },
  { fault: "reorder", effect: "sends a webhook after the next one; for webhooks alone" },
  { fault: "signature", effect: "signs a webhook with another secret; for webhooks alone" },
  { fault: "old", effect: "signs a webhook as an hour ago; for webhooks alone" },
  { fault: "changed", effect: "changes the bytes of a webhook after its signature; for webhooks alone" },
  { fault: "drop", effect: "sends no webhook; for webhooks alone" }
]
