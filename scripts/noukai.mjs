/** The command from its source: `npm run noukai -- <arguments>` in a clone. */
import { main } from "../packages/cli/src/main.js"

main(process.argv.slice(2))
