/** The request that begins a run: the only one of the page that costs money. */
import { ReadError, type RunRequest, send, type StartedRun } from "./api.js"

/** The answer to a {@link RunRequest}, or a failure after which nothing was sent, or nobody knows. */
export type Answer =
  | { readonly _tag: "told"; readonly started: StartedRun }
  | { readonly _tag: "refused"; readonly error: ReadError }
  | { readonly _tag: "lost"; readonly error: ReadError }

const isStarted = (body: unknown): body is StartedRun =>
  typeof body === "object" && body !== null && "state" in body && "intention" in body

/** The statuses with which the studio's server says that it sent nothing. */
const refused = new Set([400, 401, 403, 404, 405, 409])

/** The most bytes of a request that the studio's server takes. It closes the connection of a longer one. */
const mostBytes = 4 * 1024 * 1024

/** The runs that this page has begun, by their intentions. */
const begun = "begun"

const intentions = (): ReadonlyArray<string> => {
  try {
    return JSON.parse(sessionStorage.getItem(begun) ?? "[]") as ReadonlyArray<string>
  } catch {
    return []
  }
}

/** Whether this page has begun the run of a session. */
export const hasBegun = (intention: string): boolean => intentions().includes(intention)

const remember = (intention: string): void => {
  try {
    sessionStorage.setItem(begun, JSON.stringify([...intentions(), intention].slice(-50)))
  } catch {
    // a browser may keep nothing: then the page does not say why a run stopped
  }
}

/** Sends the request once. A failure is never a reason to send it again. */
export const startRun = async (request: RunRequest): Promise<Answer> => {
  const sent = new Blob([JSON.stringify(request)])
  if (sent.size > mostBytes) {
    const advice = "Use the command or the program."
    return {
      _tag: "refused",
      error: new ReadError(0, "The input is larger than the 4 MiB that the studio sends.", advice)
    }
  }
  remember(request.intention)
  let response: Response
  try {
    response = await send("again.start", sent)
  } catch {
    return { _tag: "lost", error: new ReadError(0, "The studio did not answer.", undefined) }
  }
  const body = await response.json().catch(() => undefined) as unknown
  if (response.ok && isStarted(body)) return { _tag: "told", started: body }
  const { advice, message } = (body ?? {}) as { readonly message?: string; readonly advice?: string }
  const error = new ReadError(response.status, message ?? `The studio answered ${response.status}.`, advice)
  return { _tag: refused.has(response.status) ? "refused" : "lost", error }
}

/** A random UUID. `randomUUID` is missing where an address other than this machine's has no https. */
export const newIntention = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")
}
