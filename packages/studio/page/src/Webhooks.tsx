/** The webhooks of jobs that have ended, as the emulator delivers them. */
import { type ReactNode, useState } from "react"
import type { EmulatorState, EmulatorWebhook } from "./api.js"
import { count, instant, millis, oneLine, shortId } from "./format.js"
import { Button, Failure, Link, Shape, Text, Wait } from "./parts.js"
import { useRead, useWhenChanged } from "./reads.js"
import { runRoute } from "./route.js"

const pageSize = 50

/** The most that the server sends. */
const mostShown = 500

/** The time between two reads while webhooks change, in milliseconds. */
const often = 500

const statuses: { readonly [status: string]: readonly [words: string, shape: string] } = {
  pending: ["pending", "running"],
  delivered: ["delivered", "completed"],
  dead: ["dead", "failed"],
  failed_permanent: ["not sent: a private address", "failed"],
  not_sent: ["not sent", "cancelled"]
}

const Row = ({ webhook }: { readonly webhook: EmulatorWebhook }): ReactNode => {
  const { attempts, event, executionId, fault, flow, status, url } = webhook
  const [words, shape] = statuses[status] ?? [status, "cancelled"]
  return (
    <tr>
      <th scope="row"><Text value={event} /></th>
      <td><Link to={runRoute({ flow, id: executionId })} title={oneLine(executionId)}><Text value={shortId(executionId)} /></Link></td>
      <td className="mono webhook-address"><Text value={url} /></td>
      <td>
        <span className="webhook-status"><Shape status={shape} /> <Text value={words} /></span>
        {fault !== undefined && <> <span className="tag tag-failed"><Text value={fault} /></span></>}
      </td>
      <td>
        {attempts.length === 0 ? <span className="muted">none</span> : (
          <ol className="webhook-attempts">
            {attempts.map(({ at, error, ms, status }, nth) => (
              <li key={nth} title={instant(at)}><Text value={String(status ?? error)} /> <span className="muted">{millis(ms)}</span></li>
            ))}
          </ol>
        )}
      </td>
    </tr>
  )
}

export const Webhooks = ({ emulator }: { readonly emulator: EmulatorState }): ReactNode => {
  const [limit, setLimit] = useState(pageSize)
  const { data, error, reload } = useRead("emulator.webhooks", { limit })
  useWhenChanged(emulator, often, reload)
  if (data === undefined) {
    return error === undefined
      ? <Wait kind="lines" what="the webhooks" />
      : <Failure title="The webhooks could not be read" error={error} onRetry={reload} />
  }
  const { total, webhooks } = data
  if (webhooks.length === 0) {
    return (
      <section className="blank">
        <h2>No webhooks yet</h2>
        <p className="muted">Submit a job with a <code>callbackUrl</code>. Its webhook appears here when it ends.</p>
      </section>
    )
  }
  return (
    <div className="accounts webhooks" tabIndex={0} role="group" aria-label="Webhooks">
      <section className="totals" aria-label="Deliveries">
        <table aria-label="Webhooks, newest first">
          <thead>
            <tr>{["Event", "Run", "Address", "Status", "Attempts"].map((name) => <th key={name} scope="col">{name}</th>)}</tr>
          </thead>
          <tbody>{webhooks.map((webhook) => <Row key={webhook.id} webhook={webhook} />)}</tbody>
        </table>
        <p className="muted">{count(webhooks.length)} of {count(total)}</p>
        {total > limit && limit < mostShown && <Button kind="quiet" onClick={() => setLimit(Math.min(mostShown, limit + pageSize))}>Show {pageSize} more</Button>}
      </section>
    </div>
  )
}
