/** Types of the functions of `Flow`. */
import { Flow } from "@effect-noukai/sdk"
import type { ParseResult } from "effect"
import { expectTypeOf } from "vitest"

expectTypeOf(Flow.formatMismatch).toEqualTypeOf<(error: ParseResult.ParseError) => string>()
