/**
 * Tells the events of a step that runs again after a cut from those that were delivered before it: as many of each kind
 * and step as were delivered are repeated ones.
 *
 * @internal
 */
export class RepeatedEvents {
  private readonly delivered = new Map<string, number>()
  private readonly seen = new Map<string, number>()

  /** Another response begins. */
  begin(): void {
    this.seen.clear()
  }

  /** The step has completed: what follows is of another one, or of another attempt. */
  forget(): void {
    this.delivered.clear()
    this.seen.clear()
  }

  isNew(type: string, stepId: string): boolean {
    const key = `${type} ${stepId}`
    const count = (this.seen.get(key) ?? 0) + 1
    this.seen.set(key, count)
    if (count <= (this.delivered.get(key) ?? 0)) return false
    this.delivered.set(key, count)
    return true
  }
}
