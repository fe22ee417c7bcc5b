export interface Weighed {
  readonly name: string
  /** kB of 1000 bytes, of all sizes here. */
  readonly size: number
  /** The weight of a program that names what this one uses of Effect. */
  readonly ofEffect: number
  readonly budget: number
  readonly goal?: number
}

export declare const weighAll: () => Promise<ReadonlyArray<Weighed>>
