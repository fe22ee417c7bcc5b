/** The number of durations that are kept of jobs that ended, and from which on they say something. */
const durationsKept = 128
const durationsNeeded = 8

/** The durations of jobs that ended lately. @internal */
export class Durations {
  private readonly kept: Array<number> = []
  private count = 0
  private known: number | undefined = undefined

  add(ms: number): void {
    this.kept[this.count++ % durationsKept] = ms
    this.known = undefined
  }

  /** The duration which three of four jobs exceed, in milliseconds; 0 while too few have ended. */
  get typical(): number {
    if (this.kept.length < durationsNeeded) return 0
    this.known ??= [...this.kept].sort((a, b) => a - b)[Math.floor(this.kept.length / 4)] ?? 0
    return this.known
  }
}
