import type { Redaction } from "./redaction.js"
import { renamed } from "./renamed.js"
import type { SessionCassette } from "./SessionCassette.js"

const snapshots = ["inputSnapshot", "outputSnapshot", "errorSnapshot"] as const

/** The new names of steps, by their names. Steps with different names keep different names. */
const stepNames = (ids: ReadonlyArray<string>, redact: Redaction): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(renamed(Object.fromEntries(ids.map((id) => [id, id])), redact.text, (id) => id))
      .map(([name, id]) => [String(id), name])
  )

/** A session without the values to redact, in its snapshots and in the names of its flows and steps. */
export const redactSession = (cassette: SessionCassette, redact: Redaction): SessionCassette => {
  const { client: { org, project }, session } = cassette
  const ids = session.executions.flatMap(({ errorAtStep, steps }) => [
    ...steps.map(({ stepId }) => stepId),
    ...(errorAtStep === undefined ? [] : [errorAtStep])
  ])
  const names = stepNames(ids, redact)
  // a value that is removed from one snapshot is known in all
  if (redact.hasPaths) {
    for (const { steps } of session.executions) {
      for (const step of steps) for (const name of snapshots) redact.payload(step[name])
    }
  }
  return {
    ...cassette,
    client: {
      ...(org === undefined ? undefined : { org: redact.text(org) }),
      ...(project === undefined ? undefined : { project: redact.text(project) })
    },
    session: {
      ...session,
      executions: session.executions.map((execution) => {
        const { errorAtStep, slug, steps } = execution
        return {
          ...execution,
          ...(slug === undefined ? undefined : { slug: redact.text(slug) }),
          ...(errorAtStep === undefined ? undefined : { errorAtStep: names.get(errorAtStep)! }),
          steps: steps.map((step) => ({
            ...step,
            stepId: names.get(step.stepId)!,
            ...Object.fromEntries(
              snapshots.flatMap((name) => name in step ? [[name, redact.payload(step[name])]] : [])
            )
          }))
        }
      })
    }
  }
}
