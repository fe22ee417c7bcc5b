/** The switch of the emulator's faults. */
import { type ReactNode, useId, useState } from "react"
import { type EmulatorState, type FaultSwitch, ReadError } from "./api.js"
import { oneLine, visible } from "./format.js"
import { switchOff, switchOn } from "./faults.js"
import { ownRules } from "./FaultsBanner.js"
import { Button, Icon, Text, Words } from "./parts.js"

/** The fields of the form. */
interface Draft {
  readonly chosen: ReadonlyArray<string>
  readonly others: string
  readonly percent: string
  readonly seed: string
  readonly endpoint: string
  readonly flow: string
}

const draftOf = ({ catalogue, last }: EmulatorState): Draft => {
  const known = new Set(catalogue.map(({ fault }) => fault))
  return {
    chosen: last?.faults.filter((fault) => known.has(fault)) ?? [],
    others: last?.faults.filter((fault) => !known.has(fault)).join(", ") ?? "",
    percent: String(Number(((last?.rate ?? 0.2) * 100).toFixed(4))),
    seed: String(last?.seed ?? 1),
    endpoint: last?.endpoint ?? "",
    flow: last?.flow ?? ""
  }
}

/** The switch that the fields say, or what is wrong with them. */
const switchOf = ({ chosen, endpoint, flow, others, percent, seed }: Draft): FaultSwitch | string => {
  const faults = [...chosen, ...others.split(",").map((fault) => fault.trim()).filter((fault) => fault !== "")]
  const [first, ...rest] = faults
  if (first === undefined) return "Choose at least one fault."
  const share = Number(percent)
  if (percent.trim() === "" || !(share >= 0 && share <= 100)) return "The rate must be from 0 to 100 %."
  const whole = Number(seed)
  if (seed.trim() === "" || !Number.isSafeInteger(whole)) return "The seed must be a whole number."
  return {
    faults: [first, ...rest],
    rate: share / 100,
    seed: whole,
    ...endpoint !== "" && { endpoint },
    ...flow.trim() !== "" && { flow: flow.trim() }
  }
}

export const FaultsForm = ({ emulator }: { readonly emulator: EmulatorState }): ReactNode => {
  const [edited, setEdited] = useState<Draft>()
  const [problem, setProblem] = useState("")
  const [isSending, setSending] = useState(false)
  const id = useId()
  const draft = edited ?? draftOf(emulator)
  const own = ownRules(emulator)
  const others = emulator.faults.filter(({ isOurs }) => !isOurs)
  const isOn = own.length > 0
  const change = (part: Partial<Draft>): void => {
    setProblem("")
    setEdited({ ...draft, ...part })
  }
  const run = (sent: Promise<void>, then: () => void): void => {
    setSending(true)
    sent.then(then, (error: unknown) => {
      setProblem(error instanceof ReadError ? [error.message, error.advice].filter((part) => part !== undefined).join(" ") : String(error))
    }).finally(() => setSending(false))
  }
  return (
    <div className="faults" role="group" aria-label="Faults">
      <section className={`faults-state${isOn ? " is-on" : ""}`} aria-label="State">
        {isOn && <Icon name="fault" />}
        <div>
          <h2>{isOn ? "Faults are on" : "Faults are off"}</h2>
          {isOn
            ? own.map((rule) => <p key={rule}><Text value={rule} />.</p>)
            : <p className="muted">Choose faults, and how many requests take one. Runs meet them at once.</p>}
          {others.length > 0 && (
            <>
              <p className="muted faults-others">From the file of flows or a program, not switched here:</p>
              {others.map(({ rule }) => <p key={rule}><Text value={rule} />.</p>)}
            </>
          )}
        </div>
        {isOn && <Button onClick={() => run(switchOff(), () => setProblem(""))}>Switch off</Button>}
      </section>
      <form
        aria-label="Switch faults on"
        aria-describedby={`${id}-problem`}
        onSubmit={(event) => {
          event.preventDefault()
          const sent = switchOf(draft)
          if (typeof sent === "string") setProblem(sent)
          else run(switchOn(sent), () => {
            setProblem("")
            setEdited(undefined)
          })
        }}
      >
        <fieldset className="faults-choice">
          <legend>Faults</legend>
          {emulator.catalogue.map(({ effect, fault }) => (
            <label key={fault}>
              <input
                type="checkbox"
                checked={draft.chosen.includes(fault)}
                onChange={({ target }) =>
                  change({ chosen: target.checked ? [...draft.chosen, fault] : draft.chosen.filter((one) => one !== fault) })}
              />
              <span><code><Text value={fault} /></code> <span className="muted"><Words value={effect} /></span></span>
            </label>
          ))}
          <div className="field faults-more">
            <span id={`${id}-others`}>Other faults, separated by commas</span>
            <input className="mono" aria-labelledby={`${id}-others`} value={draft.others} spellCheck={false} autoComplete="off" placeholder="502, stall:500" onChange={({ target }) => change({ others: target.value })} />
          </div>
        </fieldset>
        <div className="faults-fields">
          <label className="field">
            <span>Requests with a fault, in %</span>
            <input inputMode="decimal" value={draft.percent} onChange={({ target }) => change({ percent: target.value })} />
          </label>
          <label className="field">
            <span>Seed</span>
            <input inputMode="numeric" value={draft.seed} onChange={({ target }) => change({ seed: target.value })} />
          </label>
          <label className="field">
            <span>Endpoint</span>
            <select value={draft.endpoint} onChange={({ target }) => change({ endpoint: target.value })}>
              <option value="">Every endpoint</option>
              {[...new Set([...emulator.endpoints, draft.endpoint])].filter((one) => one !== "")
                .map((one) => <option key={one} value={one}>{visible(one)}</option>)}
            </select>
          </label>
          <label className="field">
            <span>Flow</span>
            <input value={draft.flow} list={`${id}-flows`} spellCheck={false} autoComplete="off" placeholder="Every flow" onChange={({ target }) => change({ flow: target.value })} />
          </label>
          <datalist id={`${id}-flows`}>
            {emulator.flows.slice(0, 500).map(({ flow }) => <option key={flow} value={oneLine(flow)} />)}
          </datalist>
        </div>
        <p id={`${id}-problem`} role="alert" className="faults-problem">{problem === "" ? "" : <Text value={problem} />}</p>
        <p className="faults-buttons">
          <button type="submit" className="button button-primary" disabled={isSending}>{isOn ? "Change the faults" : "Switch on"}</button>
          <small>The same seed takes the same faults for the same order of requests.</small>
        </p>
      </form>
    </div>
  )
}
