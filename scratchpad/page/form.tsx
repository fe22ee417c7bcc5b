import { useFlow } from "@effect-noukai/promise/react"
import { StrictMode, useState } from "react"
import { createRoot } from "react-dom/client"
import { z } from "zod"
import { Confirm } from "./tools.js"

const id = new URLSearchParams(location.search).get("id") ?? "order-1"

const Form = () => {
  const { answer, calls, cancel, error, result, run, status, steps, text } = useFlow({
    url: "/api/triage",
    id,
    result: z.string(),
    tools: { confirm: { parameters: Confirm } }
  })
  const [message, setMessage] = useState("")
  const isBusy = status === "running" || status === "waiting"
  return (
    <main>
      <h1>A form on a flow</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void run(message)
        }}
      >
        <label>
          Message <input required value={message} onChange={({ target }) => setMessage(target.value)} />
        </label>{" "}
        <button disabled={isBusy}>Send</button>
      </form>
      <p role="status">{status}</p>
      <ul>
        {steps.map((step) => <li key={step.id}>{step.name}: {step.status}</li>)}
      </ul>
      {calls.map((call) => (
        <p key={call.id}>
          {call.input.question} <button onClick={() => answer(call.id, true)}>Yes</button>{" "}
          <button onClick={() => answer(call.id, false)}>No</button>
        </p>
      ))}
      <p aria-live="polite">{result ?? text}</p>
      {error && <p role="alert">{error.code}</p>}
      {isBusy && <button onClick={() => cancel()}>Stop</button>}
    </main>
  )
}

createRoot(document.getElementById("root")!).render(<StrictMode><Form /></StrictMode>)
