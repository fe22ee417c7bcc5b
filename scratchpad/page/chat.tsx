import { useChat } from "@ai-sdk/react"
import { DefaultChatTransport, lastAssistantMessageIsCompleteWithToolCalls } from "ai"
import { StrictMode, useState } from "react"
import { createRoot } from "react-dom/client"
import { Confirm } from "./tools.js"

const url = "/api/triage"
const id = new URLSearchParams(location.search).get("id") ?? "chat-1"

const transport = new DefaultChatTransport({
  api: url,
  // the server reads the last message alone
  prepareSendMessagesRequest: ({ id, messages, trigger }) => ({ body: { id, trigger, messages: messages.slice(-1) } })
})

const Chat = () => {
  const { addToolOutput, error, messages, sendMessage, status, stop } = useChat({
    id,
    transport,
    resume: true,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls
  })
  const [text, setText] = useState("")
  const isBusy = status === "submitted" || status === "streaming"
  return (
    <main>
      <h1>A chat on a flow</h1>
      <ol aria-live="polite">
        {messages.map((message) => (
          <li key={message.id}>
            {message.parts.map((part, index) => {
              if (part.type === "text") return <p key={index}>{part.text}</p>
              if (part.type !== "tool-confirm" || part.state !== "input-available") return null
              const { data } = Confirm.safeParse(part.input)
              const answer = (output: boolean) =>
                addToolOutput({ tool: "confirm", toolCallId: part.toolCallId, output })
              return (
                <p key={index}>
                  {data?.question} <button onClick={() => answer(true)}>Yes</button>{" "}
                  <button onClick={() => answer(false)}>No</button>
                </p>
              )
            })}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void sendMessage({ text })
          setText("")
        }}
      >
        <label>
          Message <input required value={text} onChange={({ target }) => setText(target.value)} />
        </label>{" "}
        <button disabled={isBusy}>Send</button>
      </form>
      {isBusy && (
        <button
          onClick={() => {
            void stop()
            // the run goes on without a page, so the server is told, too
            void fetch(`${url}/${encodeURIComponent(id)}`, { method: "DELETE" })
          }}
        >
          Stop
        </button>
      )}
    </main>
  )
}

createRoot(document.getElementById("root")!).render(<StrictMode><Chat /></StrictMode>)
