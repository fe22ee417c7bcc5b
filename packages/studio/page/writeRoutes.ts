/// <reference types="node" />
/** Writes `src/routes.ts` from the API of the studio, so that the page names no address. */
import { HttpApi } from "@effect/platform"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { StudioApi } from "../src/StudioApi.js"

/** The file that this program writes. */
export const file = fileURLToPath(new URL("src/routes.ts", import.meta.url))

/** Returns the text of the file: the method and the path of each endpoint, by its group and its name. */
export const text = (): string => {
  const lines: Array<string> = []
  HttpApi.reflect(StudioApi, {
    onGroup: () => {},
    onEndpoint: ({ endpoint: { method, name, path }, group }) => {
      lines.push(`  "${group.identifier}.${name}": { method: "${method}", path: "${path}" }`)
    }
  })
  return `/** The routes of the studio's API. Written by \`npm run page --workspace packages/studio\`: do not edit. */
export const routes = {
${lines.join(",\n")}
} as const
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, text())
