/** The parts of Node's request that are used, as Express passes it. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly originalUrl?: string | undefined
  readonly headers: { readonly [name: string]: string | Array<string> | undefined }
  readonly readableEnded: boolean
  /** Whether something has read of the body. */
  readonly readableDidRead?: boolean | undefined
  /** The bytes that a body parser has kept, where its `verify` keeps them. */
  readonly rawBody?: unknown
  /** The body that an earlier body parser has stored. */
  readonly body?: unknown
  on(event: string, listener: (argument: Uint8Array) => void): unknown
  off(event: string, listener: (argument: Uint8Array) => void): unknown
  pause(): unknown
  resume(): unknown
  destroy(): unknown
  emit(event: string, ...args: Array<unknown>): boolean
}

/** The parts of Node's response that are used, as Express passes it. */
export interface NodeResponse {
  statusCode: number
  statusMessage: string
  readonly headersSent: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly destroyed: boolean
  getHeader(name: string): number | string | Array<string> | undefined
  getHeaderNames(): Array<string>
  setHeader(name: string, value: string): unknown
  removeHeader(name: string): void
  write(chunk: string): unknown
  end(...args: Array<unknown>): unknown
  on(event: string, listener: () => void): unknown
  off(event: string, listener: () => void): unknown
  emit(event: string, ...args: Array<unknown>): boolean
}

/** A header by its lower-case name; the first value of a repeated one. */
export const headerOf = (request: NodeRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return typeof value === "string" ? value : value?.[0]
}
