/**
 * The official client only knows `localhost:8080`: sends that to another port.
 */
export const toPort = (port: number): () => void => {
  const original = globalThis.fetch
  const from = "http://localhost:8080/"
  globalThis.fetch = (input, init) => {
    const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url
    return original(url.startsWith(from) ? `http://127.0.0.1:${port}/${url.slice(from.length)}` : input, init)
  }
  return () => {
    globalThis.fetch = original
  }
}
