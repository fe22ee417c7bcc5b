/**
 * JSON that is held as bytes outside the heap while nobody works with it.
 *
 * @internal
 */

/** @internal */
export const pack = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** What was packed: keys of `undefined` are gone. @internal */
export const unpack = <A>(bytes: Buffer): A => JSON.parse(bytes.toString()) as A

/** @internal */
export class Kept<A extends object> {
  private live: A | undefined
  private bytes: Buffer | undefined

  constructor(value: A) {
    this.live = value
  }

  /** Not to be changed in place. */
  get value(): A {
    return this.live ?? unpack<A>(this.bytes!)
  }

  set value(value: A) {
    this.live = value
    this.bytes = undefined
  }

  /** Makes reading cheap until it rests again. */
  wake(): void {
    this.live = this.value
  }

  /** Gives how many bytes it takes. */
  rest(): number {
    this.bytes ??= pack(this.live)
    this.live = undefined
    return this.bytes.length
  }
}
