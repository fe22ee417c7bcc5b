/** A step: its attempts side by side, each with its payloads. */
import { digitsWithin, parseJson, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react"
import type { Bar, Payload, RunDetail, StepAttempt } from "./api.js"
import { bytes, costText, count, exactCost, instant, millis, moment, oneLine, plural, visible } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { Fact, Failure, Notes, Shape, Status, Text, Unknown, Wait } from "./parts.js"
import type { RunRoute } from "./route.js"
import { isSameBar, readStep, stepKey, useApp } from "./store.js"

/** The time that the reader stays on a step until its payloads are read, in milliseconds. */
const stay = 80

/** Up to this length, an error is looked at for the message to show first. */
const readable = 64_000

/** The message of an error, wherever servers put it. */
const messageOf = (json: string | undefined): string | undefined => {
  if (json === undefined || json.length > readable) return undefined
  try {
    const value = JSON.parse(json) as unknown
    if (typeof value === "string") return value
    if (typeof value !== "object" || value === null) return undefined
    const { detail, error, message } = value as { readonly [name: string]: unknown }
    const found = [message, detail, error, (error as { readonly message?: unknown } | undefined)?.message]
    return found.find((part) => typeof part === "string")
  } catch {
    return undefined
  }
}

const isShorter = ({ json, sizeBytes }: Payload): boolean =>
  json !== undefined && sizeBytes !== undefined && new Blob([json]).size < sizeBytes

/** Tells which payloads of a step the server cut: those of fewer bytes than they had, where it tells how many. */
const isCut = ({ error, input, isTruncated, output }: StepAttempt) => (payload: Payload): boolean =>
  isTruncated && (isShorter(payload) || ![error, input, output].some(isShorter))

const PayloadPart = ({ heading: Heading, isCut: isCutHere, name, of, payload }: {
  readonly heading: "h3" | "h4"
  readonly isCut: boolean
  readonly name: "Input" | "Output" | "Error"
  readonly of: string
  readonly payload: Payload
}): ReactNode => {
  const { isCaptured, json, sizeBytes } = payload
  const message = name === "Error" ? messageOf(json) : undefined
  return (
    <section className={`payload payload-${name.toLowerCase()}`} aria-label={`${name} of ${of}`}>
      <Heading>
        {name}
        {json !== undefined && <small>{bytes(sizeBytes ?? json.length)}</small>}
        {isCutHere && json !== undefined && <span className="tag" title="The server cut this payload when it stored it">cut</span>}
      </Heading>
      {message !== undefined && <p className="error-message"><Text value={message.slice(0, 600)} /></p>}
      {json === undefined
        ? <p className="muted payload-none">{isCaptured ? "None" : "Not captured"}</p>
        : <JsonTree text={json} label={`${name.toLowerCase()} of ${of}`} />}
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
  return (
    <article
      ref={card}
      className={`attempt${isSelected && !isOne ? " is-selected" : ""}`} aria-label={`Attempt ${attempt.attempt}`}>
      {!isOne && <h3>Attempt {attempt.attempt} <Status status={attempt.status} /></h3>}
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
        {isFailed && <PayloadPart heading={heading} name="Error" of={of} payload={error} isCut={isCutOf(error)} />}
        <PayloadPart heading={heading} name="Input" of={of} payload={input} isCut={isCutOf(input)} />
        {(!isFailed || output.json !== undefined) && (
          <PayloadPart heading={heading} name="Output" of={of} payload={output} isCut={isCutOf(output)} />
        )}
      </div>
    </article>
  )
}

interface Message {
  readonly role?: unknown
  readonly content?: unknown
  readonly tool_calls?: unknown
}

const messagesOf = (json: string): ReadonlyArray<Message> | undefined => {
  if (json.length > readable) return undefined
  try {
    const value = parseJson(json)
    const isList = Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null && "role" in one)
    return isList ? value as ReadonlyArray<Message> : undefined
  } catch {
    return undefined
  }
}

/** A call of a tool in one line, where it has the usual form. */
const callOf = (call: unknown): string | undefined => {
  const { arguments: given, name } = (call as { readonly function?: { readonly [name: string]: unknown } } | null)?.function ?? {}
  return typeof name === "string" ? `${name} ${typeof given === "string" ? given : stringifyJson(given ?? {}, digitsWithin(given))}` : undefined
}

const MessagePart = ({ message, nth }: { readonly message: Message; readonly nth: number }): ReactNode => {
  const { content, role, tool_calls: calls, ...rest } = message
  const lines = Array.isArray(calls) ? calls.map(callOf) : []
  const isUsual = lines.every((line) => line !== undefined)
  const others = Object.entries({ ...rest, ...!isUsual && { tool_calls: calls } })
  const facts = others.filter(([, value]) => typeof value === "string")
  const values = others.filter(([, value]) => typeof value === "object" && value !== null)
  return (
    <li className="message">
      <span className="message-role"><Text value={String(role)} /></span>
      {typeof content === "string" && content !== "" && <p><Text value={content} /></p>}
      {typeof content === "object" && content !== null && (
        <JsonTree text={stringifyJson(content)} label={`content of message ${nth + 1}`} />
      )}
      {isUsual && lines.map((line, call) => <code key={call} className="message-call"><Text value={line} /></code>)}
      {facts.map(([name, value]) => (
        <span key={name} className="message-facts"><Text value={`${name}: ${String(value)}`} /></span>
      ))}
      {values.map(([name, value]) => (
        <JsonTree key={name} text={stringifyJson(value)} label={oneLine(`${name} of message ${nth + 1}`)} />
      ))}
    </li>
  )
}

/** The messages between a step and its tools. */
const Conversation = ({ json }: { readonly json: string }): ReactNode => {
  const messages = useMemo(() => messagesOf(json), [json])
  return (
    <section className="conversation" aria-label="Tool conversation">
      <h3>Tool conversation</h3>
      {messages === undefined
        ? <JsonTree text={json} label="tool conversation" />
        : <ol>{messages.map((message, nth) => <MessagePart key={nth} message={message} nth={nth} />)}</ol>}
    </section>
  )
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
        <span className="panel-status">{visible(bar.kind === "other" ? "status not known" : bar.kind)}</span>
      </header>
      {step?.detail !== undefined && <Notes notes={step.detail.notes} />}
      {step?.error !== undefined && step.detail === undefined
        ? <Failure title="The step could not be read" error={step.error} onRetry={() => setTries(tries + 1)} />
        : step?.detail === undefined
        ? <Wait className="muted panel-wait" what="the step" />
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
