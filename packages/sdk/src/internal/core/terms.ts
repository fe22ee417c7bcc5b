/** The words of messages that differ between the clients for Effect and for Promises. */

/** A client's words for the same things. */
export interface Terms {
  /** The name of an operation: `FlowService.execute`. */
  readonly operation: (method: string) => string
  /** The name of an option: `attemptTimeout`. */
  readonly option: (name: string) => string
  /** The means by which a run is read. */
  readonly reader: string
  /** The ways to go on with a run whose process has gone. */
  readonly takeOver: string
}

/** The words of the SDK. */
export const termsOfSdk: Terms = {
  operation: (method) => method,
  option: (name) => name,
  reader: "RunService",
  takeOver: "set `takeOver` or resume its stored state"
}

const messageKey: unique symbol = Symbol("@effect-noukai/sdk/NoukaiError/message")

/** The properties of a prototype of errors that have a message in the terms of each client. */
export const messageProperties = <E extends object>(
  message: (error: E, terms: Terms) => string
): PropertyDescriptorMap & ThisType<E> => ({
  [messageKey]: {
    value(terms: Terms) {
      return message(this, terms)
    }
  },
  message: {
    get() {
      return message(this, termsOfSdk)
    }
  }
})

/** Returns the message of an error in the terms of a client. */
export const messageIn = (error: Error, terms: Terms): string => {
  const { [messageKey]: message } = error as { readonly [messageKey]?: (terms: Terms) => string }
  return message === undefined ? error.message : message.call(error, terms)
}
