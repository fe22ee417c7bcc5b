/** A task that is due at an instant. */
export interface Due {
  /** The instant, in milliseconds. */
  due: number
  /** The place among those of the same instant; set when it is queued. */
  turn: number
}

const isBefore = (a: Due, b: Due): boolean => a.due < b.due || (a.due === b.due && a.turn < b.turn)

/** A binary heap: what is due first is on top. */
export class DueQueue<D extends Due> {
  private readonly heap: Array<D> = []
  private turns = 0

  get first(): D | undefined {
    return this.heap[0]
  }

  push(item: D): void {
    item.turn = this.turns++
    const { heap } = this
    let at = heap.length
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(item, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = item
  }

  pop(): D | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let at = 0
    while (true) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
    return first
  }
}
