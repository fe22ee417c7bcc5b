#!/usr/bin/env node
import { existsSync } from "node:fs"

const built = new URL("../dist/internal/command.js", import.meta.url)

if (existsSync(built)) {
  const { main } = await import(built.href)
  main(process.argv.slice(2))
} else {
  process.stderr.write("noukai-emulator is not built yet: run npm run build\n")
  process.exitCode = 1
}
