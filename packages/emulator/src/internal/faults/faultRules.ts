/** Chooses the faults of each request: its header first, then the rules. */
import * as Either from "effect/Either"
import { PCGRandom } from "effect/Utils"
import { type Fault, type FaultEndpoint, type FaultRule, parse, type WebhookFault } from "../../Fault.js"
import * as Plan from "./plan.js"

export const headerName = "x-noukai-emulator-fault"

export interface FaultRules {
  /** The faults of a request. Fails with a sentence if the header is not a list of faults. */
  readonly take: (
    header: string | undefined,
    endpoint: FaultEndpoint,
    flow: string | undefined
  ) => Either.Either<Plan.Plan, string>
  /** The faults of a webhook. */
  readonly takeWebhook: (flow: string) => WebhookPlan
  readonly add: (rules: ReadonlyArray<FaultRule>) => void
  /** The rules that may still cause a fault. */
  readonly list: () => ReadonlyArray<FaultRule>
  /** Removes rules of {@link list}. */
  readonly remove: (rules: ReadonlyArray<FaultRule>) => void
  readonly clear: () => void
  readonly reset: () => void
}

/** The faults of one delivery. */
export interface WebhookPlan {
  /** The faults as written; `undefined` without faults. */
  readonly text: string | undefined
  readonly has: (how: WebhookFault["how"]) => boolean
  readonly lateMs: number
}

interface ArmedRule {
  readonly rule: FaultRule
  readonly random: PCGRandom
  matched: number
}

const isOfWebhook = (fault: Fault): fault is WebhookFault => fault.type === "webhook"

export const make = (initial: ReadonlyArray<FaultRule>, seed: number): FaultRules => {
  let armed: Array<ArmedRule> = []

  const arm = (rule: FaultRule): ArmedRule => ({
    rule,
    random: new PCGRandom("seed" in rule && rule.seed !== undefined ? rule.seed : seed),
    matched: 0
  })

  const next = (entry: ArmedRule): string | undefined => {
    const { rule } = entry
    const index = entry.matched++
    if (rule.match?.nth !== undefined && rule.match.nth !== index + 1) return undefined
    if ("script" in rule) {
      // a rule about the nth request uses only its first entry
      const place = rule.match?.nth === undefined ? index : 0
      return rule.script[rule.repeat === true ? place % rule.script.length : place]
    }
    const hit = entry.random.number() < rule.rate
    const chosen = entry.random.integer(rule.faults.length)
    return hit ? rule.faults[chosen] : undefined
  }

  /** Whether a script is at its end, or a rule's nth request is past. */
  const isUsedUp = ({ matched, rule }: ArmedRule): boolean => {
    if (rule.match?.nth !== undefined) return matched >= rule.match.nth
    return "script" in rule && rule.repeat !== true && matched >= rule.script.length
  }

  const reset = () => {
    armed = initial.map(arm)
  }
  reset()

  /** The entry of the first rule that has one. */
  const textOf = (endpoint: FaultEndpoint, flow: string | undefined): string | undefined => {
    for (const entry of armed) {
      const { match } = entry.rule
      // a rule without an endpoint is about requests
      if ((match?.endpoint ?? (endpoint === "webhook" ? undefined : endpoint)) !== endpoint) continue
      if (match?.flow !== undefined && match.flow !== flow) continue
      const text = next(entry)
      if (isUsedUp(entry)) armed = armed.filter((other) => other !== entry)
      if (text !== undefined) return text
    }
    return undefined
  }

  return {
    take: (header, endpoint, flow) => {
      const text = header ?? textOf(endpoint, flow)
      if (text === undefined) return Either.right(Plan.none)
      return Either.flatMap(parse(text), (faults) =>
        faults.some(isOfWebhook)
          ? Either.left(`"${text}" is a fault of webhooks, and a request takes none`)
          : Either.right(Plan.make(text, faults)))
    },
    takeWebhook: (flow) => {
      const text = textOf("webhook", flow)
      const faults = Either.getOrElse(parse(text ?? ""), (): ReadonlyArray<Fault> => []).filter(isOfWebhook)
      return {
        text: faults.length === 0 ? undefined : text,
        has: (how) => faults.some((fault) => fault.how === how),
        lateMs: faults.reduce((total, { ms }) => total + ms, 0)
      }
    },
    add: (rules) => {
      armed.push(...rules.map(arm))
    },
    list: () => armed.map(({ rule }) => rule),
    remove: (rules) => {
      armed = armed.filter(({ rule }) => !rules.includes(rule))
    },
    clear: () => {
      armed = []
    },
    reset
  }
}
