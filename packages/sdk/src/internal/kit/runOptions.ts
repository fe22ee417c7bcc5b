/**
 * The options of a run that its requests carry, once for all packages: their names on the wire, in the Promise client,
 * in rows of batches and in texts to copy, and which of them the queue takes. It needs no Effect.
 *
 * @see docs/wire.md#execute
 */

import type { Kind } from "./names.js"

/** An option of a run. */
export interface RunOption {
  /** Its name on the wire and in the Promise client. Default: the name of the option. */
  readonly field?: string
  /** Whether the queue takes it. Default: only requests that wait for the run do. */
  readonly isQueued?: true
  /** Whether each request of a run has it, so that a paused run keeps it. Default: only the first one has it. */
  readonly isRepeated?: true
  /** Whether it contains text of users, which recordings redact. */
  readonly isText?: true
  /** Whether its value is translated for the request, by `runFields` and its like. Default: it is sent as it is. */
  readonly isTranslated?: true
  /** Whether it is of the tools of a run. A batch sets these for all of its rows. */
  readonly isOfTools?: true
  /** The kind of its values: all that a package needs to check them, and to make a flag. Absent: it has its own checks. */
  readonly kind?: Kind
}

/** The options, in the order in which they are sent. */
export const runOptions = {
  message: { kind: "text", isQueued: true, isText: true },
  messages: { isText: true },
  parameters: { isQueued: true, isRepeated: true, isText: true, isTranslated: true },
  blockOverrides: { isQueued: true, isRepeated: true, isText: true },
  attachments: { isRepeated: true, isText: true, isTranslated: true },
  tools: { isRepeated: true, isText: true, isTranslated: true, isOfTools: true },
  toolChoice: { isRepeated: true, isText: true, isOfTools: true },
  snapshots: { field: "trace", kind: "flag", isQueued: true, isRepeated: true, isTranslated: true }
} as const satisfies { readonly [name: string]: RunOption }

type Table = typeof runOptions

/** The name of an option of a run. */
export type RunOptionName = keyof Table

/** The names of options that have, or lack, a mark. */
type Marked<Mark extends keyof RunOption> = {
  readonly [N in RunOptionName]: Table[N] extends { readonly [M in Mark]: unknown } ? N : never
}[RunOptionName]

/** The field of an option: its name on the wire and in the Promise client. */
export type FieldOf<N extends RunOptionName> = {
  readonly [K in N]: Table[K] extends { readonly field: infer F extends string } ? F : K
}[N]

export type QueuedOption = Marked<"isQueued">

/** An option whose values have a kind. */
export type SimpleOption = Marked<"kind">

/** The kind of the values of an option. */
export type KindOf<N extends SimpleOption> = Table[N]["kind"]

export type RunField = FieldOf<RunOptionName>

export type RepeatedField = FieldOf<Marked<"isRepeated">>

/** An option that is sent as it is. */
export type PlainOption = Exclude<RunOptionName, Marked<"isTranslated">>

/** A record with a value for each of some names. */
export const forNames = <const N extends string, A>(
  names: ReadonlyArray<N>,
  valueOf: (name: N) => A
): { readonly [K in N]: A } =>
  Object.fromEntries(names.map((name) => [name, valueOf(name)])) as { readonly [K in N]: A }

const all: ReadonlyArray<readonly [string, RunOption]> = Object.entries(runOptions)

/** The names of the options that fit. The type says which ones these are. */
const optionsWhere = <N extends RunOptionName>(fits: (option: RunOption) => boolean): ReadonlyArray<N> =>
  all.flatMap(([name, option]) => fits(option) ? [name as N] : [])

const fieldsWhere = <F extends RunField>(fits: (option: RunOption) => boolean): ReadonlyArray<F> =>
  all.flatMap(([name, option]) => fits(option) ? [(option.field ?? name) as F] : [])

/** The fields of all options. */
export const runFieldNames = fieldsWhere<RunField>(() => true)

/** The fields that each request of a run has. */
export const repeatedFields = fieldsWhere<RepeatedField>(({ isRepeated = false }) => isRepeated)

/** The fields that the queue takes. */
export const queuedFields = fieldsWhere<FieldOf<QueuedOption>>(({ isQueued = false }) => isQueued)

/** The fields that the queue does not take. */
export const unqueuedFields = fieldsWhere<FieldOf<Exclude<RunOptionName, QueuedOption>>>(
  ({ isQueued = false }) => !isQueued
)

/** The fields with text of users. */
export const textFields = fieldsWhere(({ isText = false }) => isText)

/** The options that the queue takes. */
export const queuedOptions = optionsWhere<QueuedOption>(({ isQueued = false }) => isQueued)

/** The options that the input of one row of a batch may have. Those of tools are of the batch. */
export const rowOptions = optionsWhere<Exclude<RunOptionName, Marked<"isOfTools">>>(
  ({ isOfTools = false }) => !isOfTools
)

/** The options that are sent as they are. */
export const plainOptions = optionsWhere<PlainOption>(({ isTranslated = false }) => !isTranslated)

/** The options that the queue takes and that are sent as they are. */
export const plainQueued = optionsWhere<PlainOption & QueuedOption>(
  ({ isQueued = false, isTranslated = false }) => isQueued && !isTranslated
)

/** The options that each request repeats and that are sent as they are. */
export const plainRepeated = optionsWhere<PlainOption & Marked<"isRepeated">>(
  ({ isRepeated = false, isTranslated = false }) => isRepeated && !isTranslated
)

/** The options whose values have a kind. */
export const simpleOptions = optionsWhere<SimpleOption>(({ kind }) => kind !== undefined)

/** The kind of the values of an option. */
export const kindOf = (name: SimpleOption): Kind => runOptions[name].kind

/** The field of an option. */
export const fieldOf = <N extends RunOptionName>(name: N): FieldOf<N> => {
  const { field = name }: RunOption = runOptions[name]
  return field as FieldOf<N>
}

/** The flag of an option in a command, without its dashes. */
export const flagOf = (name: SimpleOption): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
