/** A page of React that uses a flow, as the browser loads it: bundled with one version of React. */
import type { PageOptions } from "@effect-noukai/promise/page"
import { useFlow } from "@effect-noukai/promise/react"
import { createElement, StrictMode, useState } from "react"
import { createRoot } from "react-dom/client"

let renders = 0

const Triage = ({ options }: { readonly options: Omit<PageOptions, "id"> }) => {
  const [id, setId] = useState("a")
  const { answer, calls, cancel, error, result, run, status, steps, text } = useFlow({ ...options, id })
  renders++
  const button = (name: string, onClick: () => unknown) =>
    createElement("button", { key: name, id: name, onClick: () => void onClick() }, name)
  return createElement(
    "main",
    null,
    createElement("output", null, JSON.stringify({ status, text, result, code: error?.code, steps, calls })),
    button("run", () => run("hi")),
    button("cancel", cancel),
    button("answer", () => answer(calls[0]!.id, true)),
    button("other", () => setId("b"))
  )
}

/** Mounts the page. */
export const mount = (element: Element, options: Omit<PageOptions, "id">) => {
  const root = createRoot(element)
  root.render(createElement(StrictMode, null, createElement(Triage, { options })))
  return { unmount: () => root.unmount(), renders: () => renders }
}
