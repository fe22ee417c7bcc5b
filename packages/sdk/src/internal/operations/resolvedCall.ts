/** Resolves a call of a flow before anything is sent: the flow, the input, the total timeout. */
import type * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { InvalidRequestError } from "../../NoukaiError.js"
import * as Address from "../flow/address.js"
import type { FlowAddress, FlowRef } from "../flow/flow.js"
import { checkSchemas } from "../flow/flowCodec.js"
import { guarded, type InputRules, take } from "../input/take.js"
import { milliseconds } from "../time/duration.js"
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
  guarded(
    method,
    "flow",
    () =>
      Either.flatMap(Address.resolve(method, flow, http.defaults), (address) => {
        const addressText = Address.format(address)
        return Either.map(checkSchemas(method, addressText, flow), () => ({ address, addressText }))
      })
  )

/** The total timeout of a call: its own, else the client's. */
export const totalOf = (
  http: HttpService,
  method: string,
  timeout: Duration.DurationInput | undefined
): Either.Either<number | undefined, InvalidRequestError> =>
  milliseconds(method, "timeout", timeout ?? http.defaults.timeout ?? Infinity)

export const resolveCall = <A, B extends { readonly timeout?: Duration.DurationInput | undefined }>(
  http: HttpService,
  method: string,
  flow: FlowRef<never>,
  rules: InputRules<A, B>,
  given: A
): Either.Either<ResolvedCall<B>, InvalidRequestError> => {
  const resolved = resolveFlow(http, method, flow)
  if (Either.isLeft(resolved)) return Either.left(resolved.left)
  const { address, addressText } = resolved.right
  const input = take(method, rules, given, { flow: addressText })
  if (Either.isLeft(input)) return Either.left(input.left)
  const total = totalOf(http, method, input.right.timeout)
  return Either.isLeft(total)
    ? Either.left(total.left)
    : Either.right({ address, addressText, input: input.right, total: total.right })
}
