import { app, shutDown } from "./production.js"

const server = app.listen(Number(process.env.PORT ?? 3000), () => console.log("ready"))

// the platform sends SIGTERM, waits, and then kills: requests in flight get that long to end
process.once("SIGTERM", () => void shutDown(server))
