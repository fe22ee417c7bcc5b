/**
 * The pages of a list of runs, newest first.
 *
 * The server's `cursor` is reserved, and the hosted server ignores it: a list that is longer than a page cannot go on
 * there, which has to be told from its end.
 *
 * @see contract 9.6
 */
import type { RunListResponse } from "../operations/traceRequests.js"

/** The runs that are remembered, so that one that a shifted page holds again is not given twice. */
const capacity = 1_000

/** The runs of the longest page that the server gives. */
export const longestPage = 100

export interface RunPage {
  readonly runs: RunListResponse["runs"]
  /** The cursor of the next page; absent after the last. */
  readonly next: string | undefined
}

export class RunPages {
  private readonly seen = new Set<string>()
  /** A cursor that was asked for, to recognise when pages come again: moved at every doubling of the pages since. */
  private checkpoint: string | undefined
  private since = 0
  private until = 1

  constructor(private limit: number) {}

  /** Goes on with the longest page, from its start, where the server does not page; `false` where it was the longest. */
  widen(): boolean {
    if (this.limit >= longestPage) return false
    this.limit = longestPage
    this.checkpoint = undefined
    return true
  }

  /** The runs of a page that are new; `undefined` where the server goes in circles. */
  take({ nextCursor, runs }: RunListResponse): RunPage | undefined {
    const inPage = new Set<string>()
    const fresh = runs.filter(({ id }) => !this.seen.has(id) && inPage.size < inPage.add(id).size)
    if (nextCursor === undefined && runs.length < this.limit) return { runs: fresh, next: undefined }
    // a page of a filtered list may be empty
    if (fresh.length === 0 && runs.length > 0) return undefined
    for (const { id } of fresh) {
      this.seen.add(id)
      if (this.seen.size > capacity) { for (const oldest of this.seen) if (this.seen.delete(oldest)) break }
    }
    const next = nextCursor ?? runs.at(-1)!.id
    return this.comesAgain(next) ? undefined : { runs: fresh, next }
  }

  private comesAgain(cursor: string): boolean {
    if (cursor === this.checkpoint) return true
    if (++this.since === this.until) {
      this.checkpoint = cursor
      this.until *= 2
      this.since = 0
    }
    return false
  }
}
