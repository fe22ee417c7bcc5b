/** The bodies of requests that a client sends, over real sockets. */

/** A `fetch` that notes the body of each request and sends it. */
export const notingBodies = (): { readonly bodies: ReadonlyArray<string>; readonly fetch: typeof globalThis.fetch } => {
  const bodies: Array<string> = []
  return {
    bodies,
    fetch: async (input, init) => {
      const request = new Request(input, init)
      bodies.push(await request.clone().text())
      return await fetch(request)
    }
  }
}
