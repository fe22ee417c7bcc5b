/**
 * JSON that is packed into bytes outside the heap while it is not in use.
 *
 * @internal
 */

/** @internal */
export const pack = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** The packed value, without its `undefined` keys. @internal */
export const unpack = <A>(bytes: Buffer): A => JSON.parse(bytes.toString()) as A

/** @internal */
export class PackedValue<A extends object> {
  private live: A | undefined
  private bytes: Buffer | undefined

  constructor(value: A) {
    this.live = value
  }

  /** The value, which must not be changed in place. */
  get value(): A {
    return this.live ?? unpack<A>(this.bytes!)
  }

  set value(value: A) {
    this.live = value
    this.bytes = undefined
  }

  /** Unpacks the value, so that reads are cheap until `rest`. */
  wake(): void {
    this.live = this.value
  }

  /** Packs the value, and returns its bytes. */
  rest(): number {
    this.bytes ??= pack(this.live)
    this.live = undefined
    return this.bytes.length
  }
}
