/** The fields of the form about a new run. */
import { type ReactNode, useId, useState } from "react"
import { type Draft, type Entry, looseField, type Output, outputOfJson, type Place, startingAt } from "./againForm.js"
import type { RunAttachment, RunForm } from "./api.js"
import { count, invisibleIn, oneLine, plural } from "./format.js"
import { Button, Text } from "./parts.js"
import { useApp } from "./store.js"

interface Part {
  readonly draft: Draft
  readonly change: (part: Partial<Draft>) => void
  /** The problem of a place, if it is to be shown. */
  readonly problemOf: (place: Place) => string | undefined
}

const replaced = <A,>(all: ReadonlyArray<A>, nth: number, by: A | undefined): ReadonlyArray<A> =>
  all.flatMap((one, index) => index !== nth ? [one] : by === undefined ? [] : [by])

/** Characters that a field does not show. */
const Invisible = ({ text }: { readonly text: string }): ReactNode => {
  const found = invisibleIn(text.slice(0, mostEdited))
  return found.length > 0 && <small>Has invisible characters: <code>{found.join(" ")}</code>.</small>
}

/** A label, a control, and what is to be said of them. */
const Field = ({ actions, children, does, id, label, problem }: {
  readonly actions?: ReactNode
  readonly children: ReactNode
  readonly does?: ReactNode
  readonly id: string
  readonly label: ReactNode
  readonly problem: string | undefined
}): ReactNode => (
  <div className={`again-field${problem === undefined ? "" : " is-wrong"}`}>
    <div className="again-label">
      <label htmlFor={id}>{label}</label>
      {actions}
    </div>
    {children}
    <p className="again-does" id={`${id}-does`}>{does}</p>
    <p className="form-problem" id={`${id}-problem`} role="alert">{problem !== undefined && <Text value={problem} />}</p>
  </div>
)

/** The attributes that join a control with its sentences. */
const described = (id: string, problem: string | undefined) => ({
  id,
  "aria-describedby": `${id}-does ${id}-problem`,
  "aria-invalid": problem !== undefined
})

/** The most characters that a field has before somebody asks for them: a browser takes seconds for millions. */
const mostEdited = 50_000

const TextArea = ({ id, isMono = false, onChange, placeholder, problem, value }: {
  readonly id: string
  readonly isMono?: boolean
  readonly onChange: (text: string) => void
  readonly placeholder?: string
  readonly problem: string | undefined
  readonly value: string
}): ReactNode => {
  const [isOpen, setOpen] = useState(value.length <= mostEdited)
  if (!isOpen) {
    return (
      <div className="again-long">
        <p className={isMono ? "mono" : ""}><Text value={`${value.slice(0, 300)}…`} /></p>
        <button {...described(id, problem)} type="button" className="button button-plain" onClick={() => setOpen(true)}>
          Edit its {count(value.length)} characters
        </button>
      </div>
    )
  }
  return (
    <textarea
      {...described(id, problem)}
      className={isMono ? "mono" : ""}
      dir={isMono ? "ltr" : "auto"}
      rows={1}
      spellCheck={!isMono}
      value={value}
      placeholder={placeholder}
      onChange={({ target }) => onChange(target.value)}
    />
  )
}

const Message = ({ change, draft: { message }, needsMessage, problemOf }: Part & { readonly needsMessage: boolean }): ReactNode => {
  const id = useId()
  const problem = problemOf("message")
  return (
    <Field
      id={id}
      label="Message"
      problem={problem}
      actions={message !== undefined && !needsMessage && (
        <Button kind="quiet" label="Leave out the message" onClick={() => change({ message: undefined })}>Leave out</Button>
      )}
      does={message !== undefined && <Invisible text={message} />}
    >
      <TextArea
        id={id}
        value={message ?? ""}
        placeholder={message === undefined ? "Left out" : ""}
        problem={problem}
        onChange={(message) => change({ message })}
      />
    </Field>
  )
}

/** The value of a parameter. */
const Value = ({ entry, id, onText, problem }: {
  readonly entry: Entry
  readonly id: string
  readonly onText: (text: string | undefined) => void
  readonly problem: string | undefined
}): ReactNode => {
  const { field: { choices, isRequired, kind }, isJson, text } = entry
  const placeholder = text === undefined ? "Left out" : ""
  if (kind === "choice" && !isJson) {
    return (
      <select
        {...described(id, problem)}
        className={text === undefined ? "is-left-out" : ""}
        value={text ?? ""}
        onChange={({ target }) => onText(target.value === "" ? undefined : target.value)}
      >
        <option value="">{isRequired ? "Choose…" : "Left out"}</option>
        {choices.map((choice) => <option key={choice} value={choice}>{oneLine(choice.replace(/^"([^"\\]+)"$/, "$1")).slice(0, 200)}</option>)}
      </select>
    )
  }
  if ((kind === "number" || kind === "integer") && !isJson) {
    return (
      <input
        {...described(id, problem)}
        inputMode="decimal"
        autoComplete="off"
        value={text ?? ""}
        placeholder={placeholder}
        // a number has no empty value
        onChange={({ target }) => onText(target.value === "" && !isRequired ? undefined : target.value)}
      />
    )
  }
  return (
    <TextArea
      id={id}
      isMono={isJson || kind === "json"}
      value={text ?? ""}
      placeholder={placeholder}
      problem={problem}
      onChange={onText}
    />
  )
}

const Parameter = ({ entry, hasSchema, onChange, problem }: {
  readonly entry: Entry
  readonly hasSchema: boolean
  /** `undefined`: removes it from the form. */
  readonly onChange: (entry: Entry | undefined) => void
  readonly problem: string | undefined
}): ReactNode => {
  const id = useId()
  const { field, isJson, isNew = false, text } = entry
  const { description, isDeclared, isRequired, kind, name, takes } = field
  const label = oneLine(name) || "a new parameter"
  const asJson = (): void => {
    if (!isJson) return onChange({ ...entry, isJson: true, text: kind === "text" ? JSON.stringify(text ?? "") : text ?? "" })
    onChange({ ...entry, isJson: false, text: kind === "choice" ? undefined : text })
  }
  return (
    <Field
      id={id}
      problem={problem}
      label={
        <>
          <code className="again-name"><Text value={name === "" ? "New parameter" : name} /></code>
          {isRequired && <small>needed</small>}
          {hasSchema && !isDeclared && <small>not in the schema</small>}
        </>
      }
      actions={
        <>
          {kind !== "json" && text !== undefined && (
            <Button kind="quiet" pressed={isJson} label={`Write ${label} as JSON`} onClick={asJson}>JSON</Button>
          )}
          {isDeclared
            ? text !== undefined && !isRequired && (
              <Button kind="quiet" label={`Leave out ${label}`} onClick={() => onChange({ ...entry, isJson: kind === "json", text: undefined })}>
                Leave out
              </Button>
            )
            : <Button kind="quiet" label={`Remove ${label}`} onClick={() => onChange(undefined)}>Remove</Button>}
        </>
      }
      does={
        <>
          {description !== undefined && <Text value={description} />}
          {description !== undefined && takes !== undefined && " · "}
          {takes !== undefined && <Text value={takes} />}{" "}
          {text !== undefined && kind === "text" && !isJson && <Invisible text={text} />}
        </>
      }
    >
      {isNew && (
        <input
          aria-label="Name of the parameter"
          autoComplete="off"
          autoFocus
          className="mono"
          placeholder="Name"
          spellCheck={false}
          value={name}
          onChange={({ target }) => onChange({ ...entry, field: { ...field, name: target.value } })}
        />
      )}
      <Value entry={entry} id={id} problem={problem} onText={(text) => onChange({ ...entry, text })} />
    </Field>
  )
}

const Parameters = ({ change, draft: { entries }, hasSchema, problemOf }: Part & { readonly hasSchema: boolean }): ReactNode => (
  <fieldset className="again-group">
    <legend>Parameters</legend>
    {entries.length === 0 && (
      <p className="muted">{hasSchema ? "The flow takes no parameters." : "The run had no parameters, and the server does not tell which the flow takes."}</p>
    )}
    {entries.map((entry, nth) => (
      <Parameter
        // the place of a field is its identity: names change while they are typed
        key={nth}
        entry={entry}
        hasSchema={hasSchema}
        problem={problemOf(`parameter ${nth}`)}
        onChange={(entry) => change({ entries: replaced(entries, nth, entry) })}
      />
    ))}
    <p>
      <Button
        kind="quiet"
        onClick={() => change({ entries: [...entries, { field: looseField("", "text"), text: "", isJson: false, isNew: true }] })}
      >
        Add a parameter
      </Button>
    </p>
  </fieldset>
)

const types = ["image/png", "image/jpeg", "image/webp", "image/gif"] as const

const extensions: { readonly [extension: string]: RunAttachment["mime_type"] } = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  gif: "image/gif"
}

/** The type that the name of a file says. */
const typeOf = (url: string, other: RunAttachment["mime_type"]): RunAttachment["mime_type"] => {
  const extension = /\.([a-z]+)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase() ?? ""
  return Object.hasOwn(extensions, extension) ? extensions[extension]! : other
}

const Image = ({ image, nth, onChange, problem }: {
  readonly image: RunAttachment
  readonly nth: number
  readonly onChange: (image: RunAttachment | undefined) => void
  readonly problem: string | undefined
}): ReactNode => {
  const id = useId()
  return (
    <Field
      id={id}
      label={`URL of image ${nth + 1}`}
      problem={problem}
      actions={<Button kind="quiet" label={`Remove image ${nth + 1}`} onClick={() => onChange(undefined)}>Remove</Button>}
    >
      <div className="again-image">
        <input
          {...described(id, problem)}
          type="url"
          autoComplete="off"
          spellCheck={false}
          placeholder="https://…"
          value={image.url}
          onChange={({ target }) => onChange({ ...image, url: target.value, mime_type: typeOf(target.value, image.mime_type) })}
        />
        <select
          aria-label={`Type of image ${nth + 1}`}
          value={image.mime_type}
          onChange={({ target }) => onChange({ ...image, mime_type: target.value as RunAttachment["mime_type"] })}
        >
          {types.map((type) => <option key={type}>{type}</option>)}
        </select>
      </div>
    </Field>
  )
}

const Images = ({ change, draft: { attachments }, problemOf }: Part): ReactNode => (
  <fieldset className="again-group">
    <legend>Images</legend>
    {attachments.map((image, nth) => (
      <Image
        key={nth}
        image={image}
        nth={nth}
        problem={problemOf(`attachment ${nth}`)}
        onChange={(image) => change({ attachments: replaced(attachments, nth, image) })}
      />
    ))}
    <p>
      <Button kind="quiet" onClick={() => change({ attachments: [...attachments, { url: "", mime_type: "image/png" }] })}>
        Add an image
      </Button>
    </p>
  </fieldset>
)

const Conditions = ({ change, draft, problemOf, versions }: Part & { readonly versions: ReadonlyArray<string> }): ReactNode => {
  const id = useId()
  const [version, limit] = [problemOf("version"), problemOf("limit")]
  return (
    <fieldset className="again-group">
      <legend>Run</legend>
      <div className="again-pair">
        <Field id={`${id}-version`} label="Version" problem={version} does="production, draft or a number">
          <input
            {...described(`${id}-version`, version)}
            list={`${id}-versions`}
            autoComplete="off"
            spellCheck={false}
            value={draft.version}
            onChange={({ target }) => change({ version: target.value })}
          />
          <datalist id={`${id}-versions`}>
            {versions.slice(0, 500).map((one) => <option key={one} value={one} />)}
          </datalist>
        </Field>
        <Field
          id={`${id}-limit`}
          label="Cost limit in US dollars"
          problem={limit}
          does="Stops between steps: the run may cost more by one step."
        >
          <input
            {...described(`${id}-limit`, limit)}
            inputMode="decimal"
            autoComplete="off"
            placeholder="No limit"
            value={draft.limit}
            onChange={({ target }) => change({ limit: target.value })}
          />
        </Field>
      </div>
      <label className="again-check">
        <input type="checkbox" checked={draft.isKept} onChange={({ target }) => change({ isKept: target.checked })} />
        <span>Keep the inputs and outputs of its steps, so that they can be compared</span>
      </label>
    </fieldset>
  )
}

const Replacement = ({ nth, onChange, output, problem }: {
  readonly nth: number
  readonly onChange: (output: Output | undefined) => void
  readonly output: Output
  readonly problem: string | undefined
}): ReactNode => {
  const id = useId()
  const { isJson, stepId, text } = output
  const name = oneLine(stepId)
  return (
    <Field
      id={id}
      label={<>Output of <code className="again-name"><Text value={stepId} /></code></>}
      problem={problem}
      actions={
        <>
          <Button kind="quiet" pressed={isJson} label={`Write the output of ${name} as JSON`} onClick={() => onChange({ ...output, isJson: !isJson })}>JSON</Button>
          <Button kind="quiet" label={`Remove the output of ${name}`} onClick={() => onChange(undefined)}>Remove</Button>
        </>
      }
      does={!isJson && <Invisible text={text} />}
    >
      <TextArea id={id} key={nth} isMono={isJson} value={text} problem={problem} onChange={(text) => onChange({ ...output, text })} />
    </Field>
  )
}

/** The most steps to choose from. */
const mostSteps = 1_000

/** The step at which the run begins. */
const From = ({ change, draft, form, problemOf }: Part & { readonly form: RunForm }): ReactNode => {
  const id = useId()
  const isEmulator = useApp(({ source }) => source?.kind === "emulator")
  const problem = problemOf("from")
  if (form.later.length === 0) return null
  return (
    <fieldset className="again-group">
      <legend>Begin</legend>
      <Field
        id={id}
        label="Begin at the step"
        problem={problem}
        does={draft.from !== undefined && (
          <>
            The steps before it do not run. The outputs below stand for theirs.
            {!isEmulator && " It is assumed that the service begins a run there; a service that does not refuses the request."}
          </>
        )}
      >
        <select
          {...described(id, problem)}
          value={draft.from?.stepId ?? ""}
          onChange={({ target }) => change(startingAt(form, draft, target.value === "" ? undefined : target.value))}
        >
          <option value="">The first one</option>
          {form.later.slice(0, mostSteps).map(({ stepId }) => <option key={stepId} value={stepId}>{oneLine(stepId)}</option>)}
        </select>
      </Field>
    </fieldset>
  )
}

const Outputs = ({ change, draft: { from, outputs }, problemOf, steps }: Part & { readonly steps: RunForm["steps"] }): ReactNode => {
  const id = useId()
  const known = new Set(outputs.map(({ stepId }) => stepId))
  const others = steps.filter(({ stepId }) => !known.has(stepId))
  const [chosen, setChosen] = useState("")
  const step = others.find(({ stepId }) => stepId === chosen) ?? others[0]
  const problem = problemOf("outputs")
  const add = (): void => {
    if (step === undefined) return
    const output = step.output === undefined
      ? { stepId: step.stepId, text: "", isJson: false }
      : outputOfJson(step.stepId, step.output)
    change({ outputs: [...outputs, output] })
  }
  return (
    <fieldset className="again-group">
      <legend>Outputs for later steps</legend>
      <p className="muted">
        {steps.length === 0 && outputs.length === 0
          ? "This needs a run with two steps at least: there is no later step that could see an output."
          : from === undefined
          ? "Later steps see the output that you write here. The step itself still runs, and is paid for."
          : <>The steps before <Text value={from.stepId} /> do not run: later steps see these outputs. Any other step still runs, and is paid for.</>}
      </p>
      {outputs.map((output, nth) => (
        <Replacement
          key={output.stepId}
          nth={nth}
          output={output}
          problem={problemOf(`output ${nth}`)}
          onChange={(output) => change({ outputs: replaced(outputs, nth, output) })}
        />
      ))}
      {problem !== undefined && <p className="form-problem" role="alert">{problem}</p>}
      {step !== undefined && (
        <div className="again-add">
          <select id={id} aria-label="Step" value={step.stepId} onChange={({ target }) => setChosen(target.value)}>
            {others.slice(0, mostSteps).map(({ stepId }) => <option key={stepId} value={stepId}>{oneLine(stepId)}</option>)}
          </select>
          <Button onClick={add}>Replace its output</Button>
          {others.length > mostSteps && <small>The first {plural(mostSteps, "step")} of {others.length}.</small>}
        </div>
      )}
    </fieldset>
  )
}

export const AgainFields = ({ form, ...part }: Part & { readonly form: RunForm }): ReactNode => (
  <>
    <Message {...part} needsMessage={form.needsMessage === true} />
    <Parameters {...part} hasSchema={form.parametersSchema !== undefined} />
    <Images {...part} />
    <From {...part} form={form} />
    <Outputs {...part} steps={form.steps} />
    <Conditions {...part} versions={form.versions} />
  </>
)
