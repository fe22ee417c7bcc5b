/** Decides whether the eval can run: live runs need a key, which a pull request from a fork does not have. */
import { output, pullRequest, summarise, tell } from "./event.mjs"

const { ARGUMENTS = "", GITHUB_EVENT_NAME, NOUKAI_API_KEY = "" } = process.env

const isReplay = /^--replay(=|$)/m.test(ARGUMENTS)
const pull = pullRequest()
// the repository of a fork may be gone
const isFork = pull !== undefined && pull.head.repo?.full_name !== pull.base.repo.full_name

if (GITHUB_EVENT_NAME === "pull_request_target") {
  tell("error", "does not run for pull_request_target, which gives secrets to the code of strangers: use pull_request")
  process.exitCode = 2
} else if (NOUKAI_API_KEY !== "" || isReplay) {
  output("skip", "false")
} else if (isFork) {
  const text =
    "The eval was skipped: a pull request from a fork has no key. Somebody with access can run it from a branch."
  tell("notice", text)
  summarise(text)
  output("skip", "true")
} else {
  tell("error", "there is no key: give `api-key` from a secret, or recorded runs with --replay")
  process.exitCode = 2
}
