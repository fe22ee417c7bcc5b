/** Writes the report into one comment of the pull request, found by its first line. A comment that fails fails no gate. */
import { readFileSync } from "node:fs"
import { pullRequest, tell } from "./event.mjs"

const { DEFINITION, EXIT_CODE, GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_TOKEN, REPORT } = process.env

/** The characters of a comment that GitHub takes are 65,536. */
const most = 60_000

const marker = `<!-- noukai eval ${encodeURIComponent(DEFINITION)} -->`

const words = { 0: "passed", 1: "failed", 2: "did not run", 4: "is incomplete" }

const bodyOf = (report) => {
  const shown = report === ""
    ? `The eval ${words[EXIT_CODE] ?? `ended with ${EXIT_CODE}`}. The log of the job says why.`
    : report
  if (shown.length <= most) return `${marker}\n${shown}`
  const cut = shown.slice(0, shown.lastIndexOf("\n", most))
  return `${marker}\n${cut}\n\nThe report is longer: the page of the job has all of it.`
}

const call = async (path, method = "GET", body) => {
  const response = await fetch(`${GITHUB_API_URL}${path}`, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${GITHUB_TOKEN}`,
      "content-type": "application/json",
      "x-github-api-version": "2022-11-28"
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000)
  })
  if (!response.ok) throw new Error(`GitHub answered ${response.status} to ${method} ${path}`)
  return response.json()
}

const issues = `/repos/${GITHUB_REPOSITORY}/issues`

/** Whether the token has written a comment. Whoever else has could change the report later. The token of a job has no user. */
const isOurs = async () => {
  const login = await call("/user").then((user) => user.login, () => undefined)
  return ({ body, user }) =>
    body?.startsWith(marker) === true && (login === undefined ? user?.type === "Bot" : user?.login === login)
}

const found = async (number) => {
  const fits = await isOurs()
  for (let page = 1;; page++) {
    const comments = await call(`${issues}/${number}/comments?per_page=100&page=${page}`)
    const mine = comments.find(fits)
    if (mine !== undefined || comments.length < 100) return mine
  }
}

const { number } = pullRequest() ?? {}
if (number !== undefined) {
  try {
    const body = bodyOf(readFileSync(REPORT, "utf8"))
    const mine = await found(number)
    if (mine === undefined) await call(`${issues}/${number}/comments`, "POST", { body })
    else await call(`${issues}/comments/${mine.id}`, "PATCH", { body })
  } catch (error) {
    tell("warning", `the comment was not written: ${error.message}. It needs \`permissions: pull-requests: write\`.`)
  }
}
