import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

/** Builds the page, as `npm run build` does, and checks its size. */
export const setup = async (): Promise<void> => {
  await promisify(execFile)("npm", ["run", "page", "--silent"], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, NODE_ENV: "production" }
  })
}
