/** The values that the programs of the reference's README have before they begin. */
import type * as client from "./readmeClient.js"

/** The values that the README takes for granted. */
export interface Given {
  readonly noukai: client.Noukai
  readonly flow: client.Flow
  readonly result: client.ExecuteResult | client.PausedResult
  readonly controller: AbortController
  readonly abortController: AbortController
  readonly logger: { readonly info: (event: client.LogEvent) => void }
  readonly getWeather: (args: string) => unknown
  readonly runTools: (calls: ReadonlyArray<client.ToolCall>) => Promise<Array<Record<string, unknown>>>
  readonly givenTools: Array<Record<string, unknown>>
  readonly givenExecution: string
  readonly givenSession: string
  readonly otherSession: string
  readonly setTimeout: (f: () => void, ms: number) => unknown
}
