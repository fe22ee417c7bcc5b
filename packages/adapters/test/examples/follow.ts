export type Progress =
  | { readonly type: "step"; readonly name: string }
  | { readonly type: "done"; readonly result: unknown }
  | { readonly type: "failed" }

/** Asks the server, and calls back for each of its events, in the page. */
export const follow = async (
  url: string,
  question: string,
  onEvent: (event: Progress) => void,
  signal?: AbortSignal
) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ question }),
    signal: signal ?? null
  })
  if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const events = (text + read.value).split("\n\n")
    text = events.pop() ?? ""
    for (const event of events) onEvent(JSON.parse(event.replace(/^data: /, "")))
  }
}
