/**
 * The paths that runs are read under: `/seq/{org}/{project}/{flow}/runs/{id}`, or `/flow-runs/{id}`. A deployment may
 * refuse either of them. By default a client tries the first one, then the other one if the first is refused, and
 * remembers the one that answered.
 *
 * @see docs/wire.md#runs
 */
import * as Either from "effect/Either"
import type { NoukaiConfig } from "../../NoukaiConfig.js"
import * as Address from "../options/address.js"
import type { FlowAddress } from "../options/address.js"
import type { LiveError } from "./statusError.js"

type Family = "seq" | "flow-runs"

/** Whether a 404 is about a run: a server that answers so serves runs. */
const isMissingRun = ({ code, statusCode }: LiveError): boolean =>
  statusCode === 404 && code !== undefined && /(^|_)(RUN|EXECUTION|STEP|TRACE)_NOT_FOUND$/i.test(code)

const isRefusal = ({ statusCode }: LiveError): boolean => statusCode === 401 || statusCode === 403 || statusCode === 404

/** How much an error says about the run and the key. */
const strength = (error: LiveError): number =>
  error.statusCode === 401
    ? 4
    : isMissingRun(error) || error.statusCode === 410
    ? 3
    : error.statusCode === 403
    ? 2
    : error.statusCode === 404
    ? 1
    : 0

/** The error of a read that both paths failed. A path that may answer a moment later outweighs one that refused. */
const stronger = (refusal: LiveError, second: LiveError): LiveError =>
  second.isRetryable
    ? isMissingRun(refusal) ? refusal : second
    : strength(second) > strength(refusal)
    ? second
    : refusal

const pathOf = (family: Family, flow: FlowAddress, id: string): string =>
  family === "flow-runs" ? `/flow-runs/${id}` : `${Address.basePath(flow)}/runs/${id}`

interface Place {
  readonly path: string
  readonly learn: (outcome: Either.Either<unknown, LiveError>) => void
}

/** The paths of one read, and its outcome. */
export class Choice {
  private refusal: LiveError | undefined

  constructor(private readonly first: Place, private readonly other: Place | undefined) {}

  /** The path to ask. */
  get path(): string {
    return this.refusal === undefined || this.other === undefined ? this.first.path : this.other.path
  }

  /** The outcome of the read; `undefined` if another path is to be asked first. */
  judge<A>(outcome: Either.Either<A, LiveError>): Either.Either<A, LiveError> | undefined {
    const { first, other, refusal } = this
    if (refusal === undefined || other === undefined) {
      if (other !== undefined && Either.isLeft(outcome) && isRefusal(outcome.left)) {
        this.refusal = outcome.left
        return undefined
      }
      first.learn(outcome)
      return outcome
    }
    // of two that miss the run, the first one is remembered
    if (Either.isLeft(outcome)) first.learn(Either.left(refusal))
    other.learn(outcome)
    return Either.mapLeft(outcome, (error) => stronger(refusal, error))
  }
}

/** The paths of a client, and its memory of who answered. */
export class RunPaths {
  private answered: Family | undefined
  private isCertain = false

  constructor(private readonly configured: NoukaiConfig.Service["runPaths"]) {}

  /** The paths of one read of the run with this encoded id: the one to ask, and the one to ask if that is refused. */
  readonly of = (flow: FlowAddress, id: string, rest: string): Choice => {
    const family = this.configured === "auto" ? this.answered : this.configured
    const at = (family: Family): Place => ({
      path: pathOf(family, flow, id) + rest,
      learn: (outcome) => this.learn(family, outcome)
    })
    return family === undefined ? new Choice(at("seq"), at("flow-runs")) : new Choice(at(family), undefined)
  }

  /** Remembers who answered. A 404 proves less than a response: it changes nothing that is known. */
  private learn(family: Family, outcome: Either.Either<unknown, LiveError>): void {
    if (Either.isLeft(outcome) ? this.answered !== undefined || !isMissingRun(outcome.left) : this.isCertain) return
    this.answered = family
    this.isCertain = Either.isRight(outcome)
  }
}
