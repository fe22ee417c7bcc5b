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
const strength = (error: LiveError): number => {
  const { statusCode } = error
  if (statusCode === 401) return 4
  if (isMissingRun(error) || statusCode === 410) return 3
  return statusCode === 403 ? 2 : statusCode === 404 ? 1 : 0
}

/** The error of a read that both paths failed. A path that may answer a moment later outweighs one that refused. */
const stronger = (refusal: LiveError, second: LiveError): LiveError => {
  if (second.isRetryable) return isMissingRun(refusal) ? refusal : second
  return strength(second) > strength(refusal) ? second : refusal
}

/** The paths of one read, and its outcome. */
export class Choice {
  private refusal: LiveError | undefined

  constructor(
    private readonly families: readonly [first: Family, other?: Family],
    private readonly pathIn: (family: Family) => string,
    private readonly learn: (family: Family, outcome: Either.Either<unknown, LiveError>) => void
  ) {}

  private get family(): Family {
    const [first, other = first] = this.families
    return this.refusal === undefined ? first : other
  }

  /** The path to ask. */
  get path(): string {
    return this.pathIn(this.family)
  }

  /** The outcome of the read; `undefined` if another path is to be asked first. */
  judge<A>(outcome: Either.Either<A, LiveError>): Either.Either<A, LiveError> | undefined {
    const { families: [first, other], family, refusal } = this
    if (refusal === undefined) {
      if (other !== undefined && Either.isLeft(outcome) && isRefusal(outcome.left)) {
        this.refusal = outcome.left
        return undefined
      }
      this.learn(family, outcome)
      return outcome
    }
    // of two that miss the run, the first one is remembered
    if (Either.isLeft(outcome)) this.learn(first, Either.left(refusal))
    this.learn(family, outcome)
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
    return new Choice(
      family === undefined ? ["seq", "flow-runs"] : [family],
      (family) => (family === "flow-runs" ? `/flow-runs/${id}` : `${Address.basePath(flow)}/runs/${id}`) + rest,
      (family, outcome) => this.learn(family, outcome)
    )
  }

  /** Remembers who answered. A 404 proves less than a response: it changes nothing that is known. */
  private learn(family: Family, outcome: Either.Either<unknown, LiveError>): void {
    if (Either.isLeft(outcome) ? this.answered !== undefined || !isMissingRun(outcome.left) : this.isCertain) return
    this.answered = family
    this.isCertain = Either.isRight(outcome)
  }
}
