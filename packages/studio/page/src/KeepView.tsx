/** A session as a test, and as cases of an eval. The server writes nothing: what it makes is downloaded or copied. */
import { type ReactNode, useEffect, useId, useRef, useState } from "react"
import "./again.css"
import { addressOf, type Kept, type KeptCases, type ReadError } from "./api.js"
import { count, invisibleIn, oneLine, plural } from "./format.js"
import { useKeys } from "./keys.js"
import { Button, Icon, Link, Main, Shape, Snippet, Text, Wait, Words } from "./parts.js"
import { presence, type Reading, useRead, useStream } from "./reads.js"
import { type KeepRoute, runsRoute, sessionRoute } from "./route.js"
import { copy, navigate } from "./store.js"

/** The time after the last key until a text is a part of the address, in milliseconds. */
const pause = 300

/** A text that is typed, and put into the address when the reader pauses, or leaves the field. */
const useTyped = (
  known: string,
  put: (text: string) => void
): readonly [text: string, change: (text: string) => void, leave: () => void] => {
  const [text, setText] = useState(known)
  const latest = useRef(put)
  latest.current = put
  useEffect(() => {
    if (text === known) return
    const timer = window.setTimeout(() => latest.current(text), pause)
    return () => window.clearTimeout(timer)
  }, [text, known])
  return [text, setText, () => text === known ? undefined : put(text)]
}

const change = (route: KeepRoute, part: Partial<KeepRoute>): void => navigate({ ...route, ...part }, { replace: true })

const Lines = ({ does, label, onBlur, onChange, placeholder, value }: {
  readonly does: ReactNode
  readonly label: string
  readonly onBlur: () => void
  readonly onChange: (text: string) => void
  readonly placeholder: string
  readonly value: string
}): ReactNode => {
  const id = useId()
  return (
    <div className="again-field">
      <div className="again-label"><label htmlFor={id}>{label}</label></div>
      <textarea
        id={id}
        aria-describedby={`${id}-does`}
        className="mono"
        dir="ltr"
        rows={2}
        spellCheck={false}
        placeholder={placeholder}
        value={value}
        onBlur={onBlur}
        onChange={({ target }) => onChange(target.value)}
      />
      <p className="again-does" id={`${id}-does`}>
        {does} {invisibleIn(value).length > 0 && <small>Has invisible characters: <code>{invisibleIn(value).join(" ")}</code>.</small>}
      </p>
    </div>
  )
}

/** Why a session cannot be kept as the fields say. */
const Problem = ({ error, onRetry, title }: {
  readonly error: ReadError
  readonly onRetry: () => void
  readonly title: string
}): ReactNode => (
  <section className="again-state is-bad-state keep-problem" role="alert">
    <Shape status="failed" />
    <div>
      <h3>{title}</h3>
      <p><Text value={error.message} /></p>
      {error.advice !== undefined && <p><Words value={error.advice} /></p>}
      {error.status !== 400 && <div className="again-buttons"><Button onClick={onRetry}>Try again</Button></div>}
    </div>
  </section>
)

/** The values that are removed: their places alone. */
const Removed = ({ kept: { redacted, redactedTotal } }: { readonly kept: Kept }): ReactNode => (
  <section className="keep-removed" aria-labelledby="keep-removed">
    <h3 id="keep-removed">
      {redactedTotal === 0 ? "No value is removed" : `${plural(redactedTotal, "value is", "values are")} removed before anything is written`}
    </h3>
    {redactedTotal === 0
      ? <p className="muted">No value has the form of a secret. Write the paths of values that a test must not hold.</p>
      : (
        <ul className="keep-places" data-keys="own" tabIndex={0} aria-label="Places of removed values">
          {redacted.map((place) => <li key={place}><code><Text value={place} /></code></li>)}
          {redactedTotal > redacted.length && <li className="muted">and {count(redactedTotal - redacted.length)} more</li>}
        </ul>
      )}
  </section>
)

/** The cassette and its test. */
const Files = ({ kept, route }: { readonly kept: Kept; readonly route: KeepRoute }): ReactNode => {
  const file = (file: "cassette" | "test"): string =>
    addressOf("keep.keepFile", { session: route.session, ...removedBy(route), file })
  return (
    <section className="keep-part" aria-labelledby="keep-files">
      <h2 id="keep-files">A test</h2>
      <p className="muted">
        Put both files into one folder. The test replays the cassette: it sends nothing, needs no key, and costs nothing.
      </p>
      <div className="again-buttons">
        <a className="button button-primary" href={file("cassette")} download><Icon name="download" /> Cassette</a>
        <a className="button button-primary" href={file("test")} download><Icon name="download" /> Test</a>
        <small className="keep-files"><code><Text value={kept.files.cassette} /></code> and <code><Text value={kept.files.test} /></code></small>
      </div>
      <Snippet name="Run the test" text={kept.runTest} />
      <Snippet name="Write both files from a terminal" text={kept.command} />
    </section>
  )
}

const removedBy = ({ paths, patterns }: KeepRoute) => ({
  paths: paths === "" ? undefined : paths,
  patterns: patterns === "" ? undefined : patterns
})

// --- cases ---------------------------------------------------------------------

/** The new names of fields, from lines such as `message=text`. */
const namesOf = (lines: string): ReadonlyMap<string, string> =>
  new Map(lines.split("\n").flatMap((line) => {
    const at = line.indexOf("=")
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const]
  }))

const linesOf = (names: ReadonlyMap<string, string>): string =>
  [...names].flatMap(([from, to]) => to.trim() === "" ? [] : [`${from}=${to}`]).join("\n")

/** A name that a line can begin with. */
const isLine = (name: string): boolean => name.trim() === name && !/[=\r\n]/.test(name)

/** Saves a text as a file. */
const save = (name: string, text: string): void => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }))
  const link = document.createElement("a")
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}

const Rows = ({ cases, isNew }: { readonly cases: KeptCases; readonly isNew: boolean }): ReactNode => {
  const text = isNew ? cases.file : cases.rows
  return (
    <>
      <div className="again-buttons">
        <Button onClick={() => save(cases.fileName, text)}><Icon name="download" /> {isNew ? "Save as a new file" : "Save the rows"}</Button>
        <Button onClick={() => void copy(cases.rows, "Rows")}><Icon name="copy" /> Copy the rows</Button>
      </div>
      <Snippet name={isNew ? "The file" : "The rows"} text={text} />
      <Snippet name="Add them from a terminal" text={cases.command} />
    </>
  )
}

const Cases = ({ cases, kept, route }: {
  readonly cases: Reading<KeptCases>
  readonly kept: Kept
  readonly route: KeepRoute
}): ReactNode => {
  const id = useId()
  const [lines, setLines] = useTyped(route.fields, (fields) => change(route, { fields }))
  const [header, setHeader] = useTyped(route.header, (header) => change(route, { header }))
  const names = namesOf(lines)
  return (
    <section className="keep-part" aria-labelledby="keep-cases">
      <h2 id="keep-cases">Cases of an eval</h2>
      <p className="muted">A case for each run: its input, and its result as the expected one.</p>
      <div className="again-pair">
        <div className="again-field">
          <div className="again-label"><label htmlFor={`${id}-format`}>Format</label></div>
          <select
            id={`${id}-format`}
            value={route.format}
            onChange={({ target }) => change(route, { format: target.value === "csv" ? "csv" : "json" })}
          >
            <option value="json">JSON lines</option>
            <option value="csv">CSV</option>
          </select>
        </div>
        <div className="again-field">
          <div className="again-label"><label htmlFor={`${id}-header`}>First line of your file</label></div>
          <input
            id={`${id}-header`}
            className="mono"
            autoComplete="off"
            spellCheck={false}
            aria-describedby={`${id}-header-does`}
            placeholder="A new file"
            value={header}
            onChange={({ target }) => setHeader(target.value)}
          />
          <p className="again-does" id={`${id}-header-does`}>The rows get its fields, in its order.</p>
        </div>
      </div>
      <fieldset className="again-group">
        <legend>Names of the fields</legend>
        <div className="keep-names">
          {kept.fields.slice(0, 100).map((field) => (
            <label key={field} className="keep-name">
              <code><Text value={field} /></code>
              <input
                className="mono"
                autoComplete="off"
                spellCheck={false}
                aria-label={`Name of ${oneLine(field)} in the file`}
                disabled={!isLine(field)}
                placeholder={oneLine(field)}
                value={names.get(field) ?? ""}
                onChange={({ target }) => setLines(linesOf(new Map(names).set(field, target.value)))}
              />
            </label>
          ))}
        </div>
      </fieldset>
      {cases.error !== undefined
        ? <Problem error={cases.error} onRetry={cases.reload} title="The cases cannot be made in this way" />
        : cases.data === undefined
        ? <p className="muted" role="status">Making the cases…</p>
        : <div className={`keep-rows${cases.isOld ? " is-old" : ""}`}><Rows cases={cases.data} isNew={route.header.trim() === ""} /></div>}
    </section>
  )
}

// --- the view ------------------------------------------------------------------

const KeepView = ({ route }: { readonly route: KeepRoute }): ReactNode => {
  const { format, session } = route
  const address = { session, ...removedBy(route) }
  const { data, error, isOld, reload } = useRead("keep.keep", address)
  const cases = useRead("keep.keepCases", {
    ...address,
    format,
    fields: route.fields === "" ? undefined : route.fields,
    header: route.header === "" ? undefined : route.header
  })
  useStream(presence.name, presence.params, {})
  useKeys({ Escape: () => navigate(sessionRoute(session)) })
  const [paths, setPaths, leavePaths] = useTyped(route.paths, (paths) => change(route, { paths }))
  const [patterns, setPatterns, leavePatterns] = useTyped(route.patterns, (patterns) => change(route, { patterns }))
  return (
    <Main className="run keep">
      <div className="run-head">
        <div className="run-title">
          <nav aria-label="Breadcrumb" className="crumb"><Link to={sessionRoute(session)}><Icon name="left" /> Session</Link></nav>
          <h1>Keep as a test</h1>
        </div>
        <p className="run-id">
          <span>{data === undefined ? "Session" : `${plural(data.runs, "run")} of session`} <code><Text value={session} /></code></span>
        </p>
      </div>
      <div className="again-body">
        <section className="again-form keep-form" aria-label="Values to remove">
          <div className="again-fields">
            <div className="again-group">
              <h2>Removed values</h2>
              <p className="muted">Secrets of well-known forms are always removed. A removed value reads <code>[redacted]</code>.</p>
              <Lines
                label="Paths"
                placeholder="**.email"
                value={paths}
                onBlur={leavePaths}
                onChange={setPaths}
                does={<>One per line. <code>*</code> is any key, <code>**</code> any number of them.</>}
              />
              <Lines
                label="Patterns"
                placeholder="\b\d{16}\b"
                value={patterns}
                onBlur={leavePatterns}
                onChange={setPatterns}
                does="Regular expressions, one per line. Each match is removed from every text."
              />
            </div>
            {error !== undefined
              ? (
                <>
                  <Problem error={error} onRetry={reload} title={error.status === 404 ? "The session cannot be read" : "The session cannot be kept in this way"} />
                  {error.status === 404 && <p><Link className="button button-plain" to={runsRoute()}>Show all runs</Link></p>}
                </>
              )
              : data === undefined
              ? <Wait kind="lines" what="the session" />
              : <div className={isOld ? "is-old" : ""}><Removed kept={data} /></div>}
          </div>
        </section>
        <div className="again-texts">
          {error !== undefined && <p className="muted">The files appear here when the session can be kept.</p>}
          {data !== undefined && error === undefined && (
            <div className={`keep-made${isOld ? " is-old" : ""}`}>
              <Files kept={data} route={route} />
              <Cases cases={cases} kept={data} route={route} />
            </div>
          )}
        </div>
      </div>
    </Main>
  )
}

export default KeepView
