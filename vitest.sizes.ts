/** How often the properties of a test are tried, unless a test says it itself. */
import { configureGlobal } from "effect/FastCheck"
import { size } from "./packages/sdk/test/support/size.js"

configureGlobal({ numRuns: size(100, 10) })
