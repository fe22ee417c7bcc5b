/** Lets a process hear of Ctrl-C after the end of what it started, which a busy machine does at times. */
const childProcess = require("node:child_process")
const { syncBuiltinESMExports } = require("node:module")
const { setImmediate } = require("node:timers")

const { spawn } = childProcess
const emit = process.emit
let isEnded = new Promise(() => {})

childProcess.spawn = (...args) => {
  const child = spawn(...args)
  isEnded = new Promise((end) => child.once("close", () => setImmediate(end)))
  return child
}
process.emit = function(name, ...values) {
  if (name !== "SIGINT") return emit.call(this, name, ...values)
  void isEnded.then(() => emit.call(this, name, ...values))
  return true
}
syncBuiltinESMExports()
