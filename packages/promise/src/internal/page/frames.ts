/**
 * Reads server-sent events. Returns a function that takes the text in any pieces, and calls `onData` with the data of
 * each event. An event without its blank line is not complete, and is left out.
 */
export const frames = (onData: (data: string) => void): (text: string) => void => {
  let line = ""
  let data: string | undefined
  let isAfterReturn = false
  return (text) => {
    if (text === "") return
    // the second half of a CRLF that was split
    const rest = isAfterReturn && text[0] === "\n" ? text.slice(1) : text
    isAfterReturn = text.endsWith("\r")
    const lines = (line + rest).split(/\r\n|\r|\n/)
    line = lines.pop() ?? ""
    for (const each of lines) {
      if (each === "") {
        if (data !== undefined) onData(data)
        data = undefined
      } else if (/^data(:|$)/.test(each)) {
        const value = each.slice(each[5] === " " ? 6 : 5)
        data = data === undefined ? value : `${data}\n${value}`
      }
    }
  }
}
