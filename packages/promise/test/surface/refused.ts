/**
 * Programs of `@noukai/sdk` 0.5.1 that do not compile with ours. The comment above each names the row of the table of
 * differences that has the words of the compiler.
 */
import {
  type CreateRelayFlowOptions,
  type ExecuteRequest,
  Flow,
  type Flow as FlowType,
  type Noukai,
  Noukai as Client,
  type NoukaiError,
  type ToolCall,
  type Trace
} from "@effect-noukai/promise"

declare const noukai: Noukai
declare const options: CreateRelayFlowOptions
declare const theirs: { name: string; message: string; code?: string; statusCode?: number }
declare const record: Record<string, unknown>

// row: tracer alone
export const traced = new Client({ tracer: record })
// row: misspelled options
export const misspelled = new Client({ apikey: "nk_1" })
// row: _transport
export const transport = noukai._transport.request
// row: request version
export const body: ExecuteRequest = { message: "hi", version: 1 }
// row: constructors
export const made = new Flow({ transport: noukai._transport, org: "a", project: "b", slug: "c" })
// row: streamed conversations
export const conversation = noukai.flow("a/b/c").steps({ messages: [] })
// row: made by hand
export const fake: FlowType = { org: "a", project: "b", slug: "c" }
// row: own fields
export const error: NoukaiError = theirs
// row: tool calls
export const call: ToolCall = record
// row: wider options
export const seconds: number | undefined = options.timeout
// row: summary
export const trace: Trace = { flowRun: { id: "r", flowId: "f", status: "completed" }, steps: [] }
