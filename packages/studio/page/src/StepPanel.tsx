/** A step: its attempts side by side, each with its payloads. */
import { digitsWithin, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import type { Bar, Payload, RunDetail, StepAttempt } from "./api.js"
import { bytes, costText, count, exactCost, instant, millis, moment, oneLine, plural, visible } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { Button, Fact, Failure, Link, Notes, Shape, Status, Text, Unknown, Wait } from "./parts.js"
import { againRoute, type RunRoute } from "./route.js"
import { Said } from "./Said.js"
import { type Spoken, spokenOf } from "./spoken.js"
import { isSameBar, readStep, setRaw, stepKey, useApp } from "./store.js"

/** The time that the reader stays on a step until its payloads are read, in milliseconds. */
const stay = 80

/** Up to this length, an error is looked at for what to show first. */
const readable = 64_000

interface Problem {
  readonly code: string | undefined
  readonly message: string | undefined
  /** The rest of the error, as JSON. Absent: it says no more. */
  readonly rest: string | undefined
}

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

/** The code and the message of an error, wherever servers put them. */
const problemOf = (json: string | undefined): Problem | undefined => {
  if (json === undefined || json.length > readable) return undefined
  try {
    const value = parseJson(json)
    if (typeof value === "string") return { code: undefined, message: value, rest: undefined }
    if (typeof value !== "object" || value === null) return undefined
    const fields = value as { readonly [name: string]: unknown }
    const inner = (fields.error ?? {}) as { readonly [name: string]: unknown }
    const [code] = [fields.code, inner.code].flatMap((one) => textOf(one) ?? [])
    const [message] = [fields.message, fields.detail, fields.error, inner.message].flatMap((one) => textOf(one) ?? [])
    if (code === undefined && message === undefined) return undefined
    const others = Object.entries(fields).filter(([, one]) => one !== code && one !== message && one !== null)
    const rest = Object.fromEntries(others)
    return { code, message, rest: others.length === 0 ? undefined : stringifyJson(rest, digitsWithin(fields)) }
  } catch {
    return undefined
  }
}

const isShorter = ({ json, sizeBytes }: Payload): boolean =>
  json !== undefined && sizeBytes !== undefined && new Blob([json]).size < sizeBytes

/** Tells which payloads of a step the server cut: those of fewer bytes than they had, where it tells how many. */
const isCut = ({ error, input, isTruncated, output }: StepAttempt) => (payload: Payload): boolean =>
  isTruncated && (isShorter(payload) || ![error, input, output].some(isShorter))

/** The messages in a payload, unless the reader wants it raw, or it is data. */
const useSpoken = (json: string | undefined, role: "user" | "assistant"): Spoken | undefined => {
  const isRaw = useApp(({ isRaw }) => isRaw)
  return useMemo(() => json === undefined || isRaw ? undefined : spokenOf(json, role), [json, role, isRaw])
}

const PayloadPart = ({ heading: Heading, isCut: isCutHere, name, of, payload }: {
  readonly heading: "h3" | "h4"
  readonly isCut: boolean
  readonly name: "Input" | "Output" | "Error"
  readonly of: string
  readonly payload: Payload
}): ReactNode => {
  const { isCaptured, json, sizeBytes } = payload
  const spoken = useSpoken(name === "Error" ? undefined : json, name === "Input" ? "user" : "assistant")
  const label = `${name.toLowerCase()} of ${of}`
  return (
    <section className={`payload payload-${name.toLowerCase()}`} aria-label={`${name} of ${of}`}>
      <Heading>
        {name}
        {json !== undefined && <small>{bytes(sizeBytes ?? json.length)}</small>}
        {isCutHere && json !== undefined && <span className="tag" title="The server cut this payload when it stored it">cut</span>}
      </Heading>
      {json === undefined
        ? <p className="muted payload-none">{isCaptured ? "None" : "Not captured"}</p>
        : spoken === undefined
        ? <JsonTree text={json} label={label} />
        : <Said spoken={spoken} label={label} />}
    </section>
  )
}

const Attempt = ({ attempt, bar, isOne, isSelected, stepId }: {
  readonly attempt: StepAttempt
  readonly bar: Bar | undefined
  readonly isOne: boolean
  readonly isSelected: boolean
  readonly stepId: string
}): ReactNode => {
  const { error, input, model, output, tokens, waitingMs } = attempt
  const durationMs = attempt.durationMs ?? bar?.durationMs
  const of = oneLine(isOne ? stepId : `${stepId} attempt ${attempt.attempt}`)
  const heading = isOne ? "h3" : "h4"
  const card = useRef<HTMLElement>(null)
  useEffect(() => {
    const element = card.current
    const around = element?.parentElement
    if (!isSelected || isOne || element == null || around == null) return
    // sideways alone: the panel stays where it is
    const [left, right] = [element.offsetLeft, element.offsetLeft + element.offsetWidth]
    if (left < around.scrollLeft) around.scrollLeft = left - 4
    else if (right > around.scrollLeft + around.clientWidth) around.scrollLeft = right + 4 - around.clientWidth
  }, [isSelected, isOne])
  const isCutOf = isCut(attempt)
  const isFailed = attempt.status === "failed" || error.json !== undefined
  const isRaw = useApp(({ isRaw }) => isRaw)
  const problem = useMemo(() => problemOf(error.json), [error.json])
  return (
    <article
      ref={card}
      className={`attempt${isSelected && !isOne ? " is-selected" : ""}`} aria-label={`Attempt ${attempt.attempt}`}>
      {!isOne && <h3>Attempt {attempt.attempt} <Status status={attempt.status} /></h3>}
      {problem !== undefined && (
        <p className="error-message">
          {problem.code !== undefined && <strong><Text value={problem.code} /></strong>}
          {problem.code !== undefined && problem.message !== undefined && ": "}
          {problem.message !== undefined && <Text value={problem.message.slice(0, 600)} />}
        </p>
      )}
      <dl className="facts">
        <Fact name="Duration">{durationMs === undefined ? <Unknown /> : millis(durationMs)}</Fact>
        {waitingMs !== undefined && waitingMs > 0 && <Fact name="Waited">{millis(waitingMs)}</Fact>}
        <Fact name="Model">{model === undefined ? <Unknown /> : <Text value={model} />}</Fact>
        <Fact
          name="Tokens"
          note={tokens === undefined ? undefined : `${count(tokens.prompt)} in, ${count(tokens.completion)} out`}
        >
          {tokens === undefined ? <Unknown /> : count(tokens.total)}
        </Fact>
        <Fact name="Cost">
          {costText(attempt, exactCost) ?? <Unknown />}
        </Fact>
        {attempt.startedAt !== undefined && (
          <Fact name="Started"><span title={instant(attempt.startedAt)}>{moment(attempt.startedAt)}</span></Fact>
        )}
      </dl>
      <div className="payloads">
        {isFailed && (isRaw || problem === undefined || problem.rest !== undefined) && (
          <PayloadPart
            heading={heading}
            name="Error"
            of={of}
            payload={isRaw || problem === undefined ? error : { ...error, json: problem.rest }}
            isCut={isCutOf(error)}
          />
        )}
        <PayloadPart heading={heading} name="Input" of={of} payload={input} isCut={isCutOf(input)} />
        {(!isFailed || output.json !== undefined) && (
          <PayloadPart heading={heading} name="Output" of={of} payload={output} isCut={isCutOf(output)} />
        )}
      </div>
    </article>
  )
}

/** The messages between a step and its tools. */
const Conversation = ({ json }: { readonly json: string }): ReactNode => {
  const spoken = useSpoken(json, "assistant")
  return (
    <section className="conversation" aria-label="Tool conversation">
      <h3>Tool conversation</h3>
      {spoken === undefined
        ? <JsonTree text={json} label="tool conversation" />
        : <Said spoken={spoken} label="tool conversation" />}
    </section>
  )
}

/** Shows payloads as they came, or as what was said in them. */
const RawToggle = (): ReactNode => {
  const isRaw = useApp(({ isRaw }) => isRaw)
  return <Button kind="quiet" pressed={isRaw} onClick={() => setRaw(!isRaw)}>Raw</Button>
}

/** The facts of a step that change its payloads: while they stay, it is not read again. */
const signatureOf = (bars: ReadonlyArray<Bar>, shown: Bar): string =>
  bars.filter(({ loopIndex, stepId }) => stepId === shown.stepId && loopIndex === shown.loopIndex)
    .map(({ attempt, kind, waitingMs }) => `${attempt} ${kind} ${waitingMs}`).join()

export const StepPanel = ({ bar, detail, route }: {
  readonly bar: Bar
  readonly detail: RunDetail
  readonly route: RunRoute
}): ReactNode => {
  const { loopIndex, stepId } = bar
  const { flow, id } = route
  const step = useApp(({ run }) => run?.steps.get(stepKey(stepId, loopIndex)))
  const reconnects = useApp(({ reconnects }) => reconnects)
  const [tries, setTries] = useState(0)
  const signature = useMemo(() => signatureOf(detail.bars, bar), [detail.bars, bar])
  const [isFirst, setFirst] = useState(true)
  useEffect(() => {
    const ending = new AbortController()
    const timer = window.setTimeout(
      () => void readStep({ flow, id }, stepId, loopIndex, ending.signal),
      isFirst ? 0 : stay
    )
    setFirst(false)
    return () => {
      window.clearTimeout(timer)
      ending.abort()
    }
    // `isFirst` tells how long to wait, and not when to read
  }, [flow, id, stepId, loopIndex, signature, reconnects, tries])
  const isLater = loopIndex === undefined && bar.kind !== "running" && detail.bars.find(({ depth }) => depth === 0)?.stepId !== stepId
  const attempts = step?.detail?.attempts ?? []
  const bars = detail.bars.filter((one) => one.stepId === stepId && one.loopIndex === loopIndex)
  return (
    <section className="panel" aria-label={`Step ${oneLine(bar.label)}`}>
      <header className="panel-head">
        <Shape status={bar.kind} />
        <div className="panel-name">
          <h2><Text value={stepId} /></h2>
          {loopIndex !== undefined && <span className="tag">iteration {loopIndex}</span>}
          {bars.length > 1 && <span className="tag">{plural(bars.length, "attempt")}</span>}
        </div>
        {isLater && <Link className="button button-quiet" to={{ ...againRoute({ flow, id }), at: stepId }}>Go on from here…</Link>}
        <RawToggle />
        <span className="panel-status">{visible(bar.kind === "other" ? "status not known" : bar.kind)}</span>
      </header>
      {step?.detail !== undefined && <Notes notes={step.detail.notes} />}
      {step?.error !== undefined && step.detail === undefined
        ? <Failure title="The step could not be read" error={step.error} onRetry={() => setTries(tries + 1)} />
        : step?.detail === undefined
        ? <Wait kind="lines" what="the step" />
        : (
          <div className={`attempts${attempts.length > 1 ? " is-many" : ""}`} role="group" tabIndex={attempts.length > 1 ? 0 : undefined} aria-label="Attempts">
            {attempts.map((attempt) => (
              <Attempt
                key={`${stepId} ${loopIndex} ${attempt.attempt}`}
                attempt={attempt}
                bar={bars.find((one) => one.attempt === attempt.attempt)}
                isOne={attempts.length === 1}
                isSelected={isSameBar(bar, { ...bar, attempt: attempt.attempt })}
                stepId={stepId}
              />
            ))}
            {attempts.length === 0 && <p className="muted">The server knows no attempt at this step.</p>}
          </div>
        )}
      {step?.detail?.conversation !== undefined && <Conversation json={step.detail.conversation} />}
    </section>
  )
}
