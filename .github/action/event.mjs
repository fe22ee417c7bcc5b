/** The event that started the workflow, and what a step says. */
import { appendFileSync, readFileSync } from "node:fs"

const { GITHUB_EVENT_PATH, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = process.env

/** The pull request; `undefined` for another event. */
export const pullRequest = () => {
  const { pull_request: found } = GITHUB_EVENT_PATH ? JSON.parse(readFileSync(GITHUB_EVENT_PATH, "utf8")) : {}
  return found
}

const escaped = (text) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")

/** Shows a notice, a warning or an error beside the job. */
export const tell = (level, text) => console.log(`::${level} title=Noukai eval::${escaped(text)}`)

export const output = (name, value) => appendFileSync(GITHUB_OUTPUT, `${name}=${value}\n`)

export const summarise = (text) => appendFileSync(GITHUB_STEP_SUMMARY, `${text}\n`)
