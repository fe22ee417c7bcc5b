import type { World } from "../support/world.js"

/** One thing that a program can do with a client, and what it observes. */
export interface Behaviour {
  readonly name: string
  readonly run: (world: World) => Promise<unknown>
  /** Where the clients differ: the row of the table that says so, and what each one gives. */
  readonly differs?: { readonly because: string; readonly reference: unknown; readonly ours: unknown }
}

export const same = (name: string, run: Behaviour["run"]): Behaviour => ({ name, run })

export const differs = (
  because: string,
  name: string,
  expected: { readonly reference: unknown; readonly ours: unknown },
  run: Behaviour["run"]
): Behaviour => ({ name, run, differs: { because, ...expected } })
