/** The command as a program. */
import { main } from "../../src/internal/command.js"

main(process.argv.slice(2))
