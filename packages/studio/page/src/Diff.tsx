/** Two values side by side, and the places in which they differ. */
import { digitsAt, digitsOf, stringifyJson } from "@effect-noukai/sdk/kit/plainJson"
import type { Change, Part } from "@effect-noukai/sdk/ValueDiff"
import { type ReactNode, useState } from "react"
import { count, oneLine, plural, visible } from "./format.js"
import { Button } from "./parts.js"

/** How many characters of a text are shown, and how many more on request. */
const shown = { first: 6_000, more: 50_000 }

/** The length of an unchanged text that is shown before and after a change. */
const context = 160

/** An unchanged text between changes, with a gap where it is long. */
const shortened = (text: string, isFirst: boolean, isLast: boolean): string => {
  if (text.length <= 2 * context + 40) return text
  const begin = isFirst ? "" : text.slice(0, context)
  const end = isLast ? "" : text.slice(-context)
  return `${begin} … ${end}`
}

/** One of two texts, in which the parts that the other one does not have are marked. */
export const MarkedText = ({ label, parts, side }: {
  readonly label: string
  readonly parts: ReadonlyArray<Part>
  readonly side: "before" | "after"
}): ReactNode => {
  const [most, setMost] = useState(shown.first)
  const [isWhole, setWhole] = useState(false)
  const own = parts.filter(({ kind }) => kind !== (side === "before" ? "added" : "removed"))
  const isEqual = own.every(({ kind }) => kind === "same")
  let left = most
  let hidden = 0
  const pieces = own.map(({ kind, text }, nth) => {
    const whole = kind === "same" && !isWhole && !isEqual ? shortened(text, nth === 0, nth === own.length - 1) : text
    const piece = whole.slice(0, left)
    left -= piece.length
    hidden += whole.length - piece.length
    return { kind, piece }
  })
  const isShort = !isWhole && own.some(({ kind, text }, nth) =>
    kind === "same" && !isEqual && shortened(text, nth === 0, nth === own.length - 1) !== text
  )
  return (
    <>
      <div className="marked" data-keys="own" tabIndex={0} role="group" aria-label={label}>
        {pieces.map(({ kind, piece }, nth) => {
          if (piece === "") return null
          const text = <bdi>{visible(piece)}</bdi>
          return kind === "same"
            ? <span key={nth}>{text}</span>
            : kind === "removed"
            ? <del key={nth}>{text}</del>
            : <ins key={nth}>{text}</ins>
        })}
        {own.length === 0 && <span className="muted">empty</span>}
      </div>
      <p className="marked-more">
        {isShort && <Button kind="quiet" onClick={() => setWhole(true)}>Show the unchanged text</Button>}
        {hidden > 0 && (
          <Button kind="quiet" onClick={() => setMost(most + shown.more)}>
            Show {count(Math.min(hidden, shown.more))} more of {plural(hidden, "character")}
          </Button>
        )}
      </p>
    </>
  )
}

/** A value in one line, at most 200 characters of it. */
const short = (change: Change, side: "expected" | "actual"): string => {
  const value = change[side]
  if (value === undefined) return "nothing"
  const text = stringifyJson(value, digitsAt(digitsOf(change), side))
  return oneLine(text.length > 200 ? `${text.slice(0, 200)}…` : text)
}

/** The paths in which two JSON values differ. `limit`: the server sends no more. */
export const Changes = ({ after, before, changes, label, limit }: {
  readonly after: string
  readonly before: string
  readonly changes: ReadonlyArray<Change>
  readonly label: string
  readonly limit: number
}): ReactNode => {
  const [most, setMost] = useState(10)
  return (
    <section className="scrolled" data-keys="own" tabIndex={0} aria-label={label}>
      <h4>{changes.length >= limit ? `The first ${plural(changes.length, "difference")}` : plural(changes.length, "difference")}</h4>
      <table className="plain changes">
        <thead>
          <tr><th scope="col">Path</th><th scope="col"><bdi>{visible(before)}</bdi></th><th scope="col"><bdi>{visible(after)}</bdi></th></tr>
        </thead>
        <tbody>
          {changes.slice(0, most).map((change) => (
            <tr key={change.path}>
              <th scope="row" className="wrapped mono"><bdi>{visible(change.path.slice(0, 400))}</bdi></th>
              <td className="wrapped mono"><del><bdi>{short(change, "expected")}</bdi></del></td>
              <td className="wrapped mono"><ins><bdi>{short(change, "actual")}</bdi></ins></td>
            </tr>
          ))}
        </tbody>
      </table>
      {changes.length > most && <Button kind="quiet" onClick={() => setMost(Infinity)}>Show all {changes.length}</Button>}
    </section>
  )
}
