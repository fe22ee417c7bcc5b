#!/usr/bin/env node
"use strict"

// what costs most to load is not needed for this
const args = process.argv.slice(2)
if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
  process.stdout.on("error", (error) => {
    // nobody reads it any more
    if (error.code === "EPIPE") return
    process.stderr.write(`noukai: stdout cannot be written: ${error.message}\n`)
    process.exitCode = 1
  })
  process.stdout.write(`${require("../package.json").version}\n`)
} else {
  const { existsSync } = require("node:fs")
  const { join } = require("node:path")
  const { pathToFileURL } = require("node:url")
  const built = join(__dirname, "..", "dist", "main.js")
  if (existsSync(built)) void import(pathToFileURL(built).href).then(({ main }) => main(args))
  else {
    process.stderr.write("noukai is not built yet: run npm run build\n")
    process.exitCode = 7
  }
}
