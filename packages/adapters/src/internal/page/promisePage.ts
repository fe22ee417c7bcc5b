/** A page whose functions are not Effects. */
import { run, toolSet } from "@effect-noukai/promise/NoukaiPromise"
import { defineTool } from "@effect-noukai/promise/TypedTool"
import { fromStandardSchema, type StandardSchema } from "@effect-noukai/sdk/Flow"
import type { Names } from "@effect-noukai/sdk/kit/names"
import * as Either from "effect/Either"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { ClientTool, Message, PageHandlerOptions, PageRequest } from "../../Page.js"
import type { Verdict } from "../../Relay.js"
import { snapshot } from "../asyncContext.js"
import { refuseWithoutClient } from "../names.js"
import { type Answer, invalid } from "../relay/answer.js"
import type { RequestInContext } from "../relay/promiseRelay.js"
import { promised } from "../untrusted.js"
import { refusal } from "./chats.js"
import { handler, type PageCall, type StreamAnswer } from "./handler.js"
import { limitNames, made } from "./settings.js"
import { checkClientTools, type PageTools } from "./tools.js"

const names: Names<PageHandlerOptions<never, Verdict>> = {
  ...limitNames,
  client: true,
  authorize: true,
  owner: true,
  input: true,
  serverTools: true,
  clientTools: true
}

const method = "flowPage"

/** The schema of a library as one of Effect. */
const schemaOf = (field: string, schema: unknown): Schema.Schema.AnyNoContext => {
  if (Schema.isSchema(schema)) return schema as Schema.Schema.AnyNoContext
  if (Predicate.hasProperty(schema, "~standard")) return fromStandardSchema(schema as StandardSchema)
  throw invalid(field, "must be a schema", method)
}

const toolNames: Names<ClientTool> = { description: true, parameters: true, jsonSchema: true, result: true }

type GivenTools = Pick<PageHandlerOptions<never, Verdict>, "clientTools" | "serverTools">

const toolsOf = ({ clientTools = {}, serverTools = [] }: GivenTools): PageTools<Error, never> => {
  Either.getOrThrowWith(checkClientTools(clientTools, toolNames), identity)
  const own = Object.entries(clientTools)
  return {
    server: toolSet(serverTools),
    page: toolSet(
      own.map(([name, { description, jsonSchema, parameters }]) =>
        defineTool({ name, description, parameters, jsonSchema, run: () => null })
      )
    ),
    results: new Map(own.map(([name, { result }]) => [name, schemaOf(`clientTools.${name}.result`, result)]))
  }
}

/** Answers the requests of a page with a client. Throws an `InvalidRequestError` when an option is wrong. */
export const promisePage = <Request, V extends Verdict>(
  options: PageHandlerOptions<Request, V>
): (call: PageCall<Request>) => Promise<Answer | StreamAnswer> => {
  refuseWithoutClient(method, options, names)
  const { authorize, client, clientTools: _, input, owner, serverTools: __, ...limits } = options
  // a value that is not a function is refused by its name
  const ifFunction = <F, G>(given: F, wrapped: G): G => Predicate.isFunction(given) ? wrapped : given as never
  const functions = {
    authorize: ifFunction(
      authorize,
      ({ request, within }: RequestInContext<Request>, asked: PageRequest) =>
        promised(() => within(() => authorize(request, asked)))
    ),
    owner,
    input: input &&
      ifFunction(
        input,
        (messages: ReadonlyArray<Message>, caller: Exclude<V, false>) => promised(() => input(messages, caller))
      )
  }
  const defaults = { org: client.defaultOrg, project: client.defaultProject }
  const page = handler(Either.getOrThrowWith(made(limits, functions, toolsOf(options), defaults), identity))
  return async (call) => {
    const request = { request: call.request, within: snapshot() }
    try {
      return await run(client, page({ ...call, request }))
    } catch {
      // the client has been closed
      return refusal(502, "UPSTREAM_UNAVAILABLE", false)
    }
  }
}
