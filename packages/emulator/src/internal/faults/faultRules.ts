/** Chooses the faults of each request: its header first, then the rules. */
import * as Either from "effect/Either"
import { PCGRandom } from "effect/Utils"
import { type FaultEndpoint, type FaultRule, parse } from "../../Fault.js"
import * as Plan from "./plan.js"

export const headerName = "x-noukai-emulator-fault"

export interface FaultRules {
  /** The faults of a request. Fails with a sentence if the header is not a list of faults. */
  readonly take: (
    header: string | undefined,
    endpoint: FaultEndpoint,
    flow: string | undefined
  ) => Either.Either<Plan.Plan, string>
  readonly add: (rules: ReadonlyArray<FaultRule>) => void
  /** The rules that may still cause a fault. */
  readonly list: () => ReadonlyArray<FaultRule>
  /** Removes rules of {@link list}. */
  readonly remove: (rules: ReadonlyArray<FaultRule>) => void
  readonly clear: () => void
  readonly reset: () => void
}

interface ArmedRule {
  readonly rule: FaultRule
  readonly random: PCGRandom
  matched: number
}

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

  return {
    take: (header, endpoint, flow) => {
      if (header !== undefined) return Either.map(parse(header), (faults) => Plan.make(header, faults))
      for (const entry of armed) {
        const { match } = entry.rule
        if (match?.endpoint !== undefined && match.endpoint !== endpoint) continue
        if (match?.flow !== undefined && match.flow !== flow) continue
        const text = next(entry)
        if (isUsedUp(entry)) armed = armed.filter((other) => other !== entry)
        if (text === undefined) continue
        return Either.map(parse(text), (faults) => Plan.make(text, faults))
      }
      return Either.right(Plan.none)
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
