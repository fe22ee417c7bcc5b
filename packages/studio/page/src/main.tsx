import { createRoot } from "react-dom/client"
import { App } from "./App.js"
import { start } from "./store.js"
import "./style.css"

start()
createRoot(document.getElementById("root")!).render(<App />)
