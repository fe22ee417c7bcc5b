import react from "@vitejs/plugin-react"
import { createServer } from "node:http"
import { createServer as createVite } from "vite"
import { api } from "./api.js"

const server = createServer(api)

// Vite makes the pages of chat.html and form.html
const vite = await createVite({
  plugins: [react()],
  appType: "mpa",
  server: { middlewareMode: { server }, hmr: { server } }
})
api.use(vite.middlewares)

const port = Number(process.env.PORT ?? 3000)
const url = `http://127.0.0.1:${port}`
server.listen(port, "127.0.0.1", () => console.log(`${url}/chat.html\n${url}/form.html`))
