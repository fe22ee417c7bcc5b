/**
 * The connection of a client, which its services share.
 *
 * @since 0.1.0
 */
import type { Runtime } from "@effect-noukai/promise/runtime"
import * as Context from "effect/Context"

/**
 * @since 0.1.0
 */
export declare namespace NoukaiHttp {
  /**
   * The connection. Opaque.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Service {
    /** @internal */
    readonly runtime: Runtime
  }
}

/**
 * The connection of a client. `TraceScope.replay` fetches its session with it.
 *
 * @since 0.1.0
 * @category tags
 */
export class NoukaiHttp extends Context.Service<NoukaiHttp, NoukaiHttp.Service>()(
  "@effect-noukai/effect4/NoukaiHttp"
) {}
