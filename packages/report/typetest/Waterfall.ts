/** Types of pictures. */
import * as Waterfall from "@effect-noukai/report/Waterfall"
import type { Trace } from "@effect-noukai/sdk"
import { expectTypeOf } from "vitest"

declare const stored: Trace.Trace
expectTypeOf(Waterfall.toSvg(stored, { width: 800, maxRows: 40, payloads: true })).toEqualTypeOf<string>()
// @ts-expect-error a misspelt option
Waterfall.toSvg(stored, { with: 800 })
