/** The messages of people, models and tools as a conversation. */
import { lazy, type ReactNode, Suspense, useState } from "react"
import { count, oneLine, visible } from "./format.js"
import { JsonTree } from "./JsonTree.js"
import { Button, Icon, Text } from "./parts.js"
import "./said.css"
import { copy } from "./store.js"
import type { Spoken, SpokenCall, SpokenMessage, SpokenText } from "./spoken.js"

/** A text without its Markdown is read, too, where that could not be loaded. */
const Markdown = lazy<typeof import("./Markdown.js").default>(() =>
  import("./Markdown.js").catch(() => ({ default: ({ text }: { readonly text: string }) => <p className="said-plain">{text}</p> }))
)

/** The characters of a text that are shown first, and on request. */
const shown = { first: 1_500, most: 60_000 }

const SaidText = ({ text }: { readonly text: string }): ReactNode => {
  const [isWhole, setWhole] = useState(false)
  const most = isWhole ? shown.most : shown.first
  // a fold that hides a few words is none
  const isFolded = text.length > most + 200
  const part = visible(isFolded ? text.slice(0, most) : text)
  return (
    <div className="said-text" dir="auto">
      <Suspense fallback={<p className="said-plain">{part}</p>}><Markdown text={part} /></Suspense>
      {isFolded && (isWhole
        ? <p className="muted">… {count(text.length)} characters in all: "Raw" has the rest.</p>
        : <Button kind="quiet" onClick={() => setWhole(true)}>Show all {count(text.length)} characters</Button>)}
      {isWhole && text.length <= most + 200 && <Button kind="quiet" onClick={() => setWhole(false)}>Show less</Button>}
    </div>
  )
}

const SaidPart = ({ label, part: { kind, value } }: { readonly label: string; readonly part: SpokenText }): ReactNode =>
  kind === "text" ? <SaidText text={value} /> : <JsonTree text={value} label={label} />

/** Up to this length, arguments stand beside the name of their tool. */
const shortArguments = 160

const Call = ({ call: { answer, given, name }, label }: { readonly call: SpokenCall; readonly label: string }): ReactNode => (
  <div className="said-call" role="group" aria-label={oneLine(`Call of ${name}`)}>
    <code className="message-call"><Text value={given.length <= shortArguments ? `${name} ${given}` : name} /></code>
    {given.length > shortArguments && <JsonTree text={given} label={oneLine(`arguments of ${name} in ${label}`)} />}
    {answer === undefined
      ? <span className="muted">No answer yet</span>
      : (
        <div className="said-answer">
          <span className="message-role">answer</span>
          <SaidPart part={answer} label={oneLine(`answer of ${name} in ${label}`)} />
        </div>
      )}
  </div>
)

const roles = new Set(["user", "assistant", "system", "tool"])

const Message = ({ label, message: { calls, rest, role, said } }: { readonly label: string; readonly message: SpokenMessage }): ReactNode => (
  <li className={`message message-${roles.has(role) ? role : "other"}`}>
    <div className="message-head">
      <span className="message-role"><Text value={role} /></span>
      {said.length > 0 && (
        <Button
          kind="icon"
          label={oneLine(`Copy the message in ${label}`)}
          onClick={() => void copy(said.map(({ value }) => value).join("\n"), "Message")}
        >
          <Icon name="copy" />
        </Button>
      )}
    </div>
    {said.map((part, nth) => <SaidPart key={nth} part={part} label={`content of ${label}`} />)}
    {calls.map((call, nth) => <Call key={nth} call={call} label={label} />)}
    {rest !== undefined && <JsonTree text={rest} label={`other parts of ${label}`} />}
  </li>
)

/** `label` names the payload for screen readers: "input of answer". */
export const Said = ({ label, spoken: { messages, rest } }: { readonly label: string; readonly spoken: Spoken }): ReactNode => (
  <div className="said">
    <ol aria-label={label}>
      {messages.map((message, nth) => (
        <Message key={nth} message={message} label={messages.length === 1 ? label : `message ${nth + 1} of ${label}`} />
      ))}
    </ol>
    {rest !== undefined && <JsonTree text={rest} label={`other fields of ${label}`} />}
  </div>
)
