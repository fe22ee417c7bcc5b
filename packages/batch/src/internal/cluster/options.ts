import type * as Duration from "effect/Duration"
import type { TypeId } from "../definition.js"

/** The options that all processes of a cluster share: each has to give the same. */
export interface ClusterOptions {
  /**
   * The number of lanes of a batch, which the runners share evenly. A runner beyond this number has nothing to do.
   * Default 16.
   */
  readonly lanes?: number | undefined
  /**
   * The time after which a runner that does not answer has lost its lanes. Shorter, and a runner that is slow for a
   * moment loses them, too. Default 10 seconds.
   */
  readonly lease?: Duration.DurationInput | undefined
}

/** The options of a runner. */
export interface RunnerOptions extends ClusterOptions {
  /**
   * The name or address under which the other processes of the cluster reach this one: no two runners may have the same
   * host and port. `127.0.0.1` where all run on one machine.
   */
  readonly host: string
  /** The port of this runner. Below 32768, where no system gives it to an outgoing connection. Default 24431. */
  readonly port?: number | undefined
  /** The address to listen on, where it is not `host`: `0.0.0.0` in a container. Default: `host`. */
  readonly listenHost?: string | undefined
  /**
   * The batches of `operation: "execute"`, whose tools run here: rows of one that is not named wait. Others need no
   * definition, since what is run for a row stands in the ledger. Default: none.
   */
  readonly batches?: ReadonlyArray<{ readonly [TypeId]: object; readonly id: string }> | undefined
}
