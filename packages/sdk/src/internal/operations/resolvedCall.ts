/** Resolves a call of a flow before anything is sent: the flow, the input, the total timeout. */
import type * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { InvalidRequestError } from "../../NoukaiError.js"
import type { RefusalFacts } from "../errors/makeError.js"
import * as Address from "../flow/address.js"
import type { FlowAddress, FlowRef } from "../flow/flow.js"
import { checkSchemas } from "../flow/flowCodec.js"
import { limitOf } from "../time/duration.js"
import type { HttpService } from "./operations.js"

export interface ResolvedFlow {
  readonly address: FlowAddress
  readonly addressText: string
}

export interface ResolvedCall<B> extends ResolvedFlow {
  /** The checked input. */
  readonly input: B
  /** The total timeout of the call in milliseconds, if it has one. */
  readonly total: number | undefined
}

/** The flow of a reference. */
export const resolveFlow = (
  http: HttpService,
  method: string,
  flow: FlowRef<never>
): Either.Either<ResolvedFlow, InvalidRequestError> =>
  Either.gen(function*() {
    const address = yield* Address.resolve(method, flow, http.defaults)
    const addressText = Address.format(address)
    yield* checkSchemas(method, addressText, flow)
    return { address, addressText }
  })

/** The total timeout of a call in milliseconds: its own, else the client's; `undefined`: none. */
export const totalOf = (http: HttpService, timeout: Duration.DurationInput | undefined): number | undefined =>
  limitOf(timeout ?? http.defaults.timeout ?? Infinity)

export const resolveCall = <A extends { readonly timeout?: Duration.DurationInput | undefined }>(
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  decode: (method: string, given: A, facts: RefusalFacts) => Either.Either<A, InvalidRequestError>,
  given: A
): Either.Either<ResolvedCall<A>, InvalidRequestError> =>
  Either.gen(function*() {
    const { address, addressText } = yield* resolveFlow(http, method, flow)
    const input = yield* decode(method, given, { flow: addressText })
    return { address, addressText, input, total: totalOf(http, input.timeout) }
  })
