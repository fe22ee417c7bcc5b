/** The options and bodies that the client describes are those of the SDK's list. */
import type { FieldOf, QueuedOption, RepeatedField, RunOptionName } from "@effect-noukai/sdk/kit/runOptions"
import { expectTypeOf } from "vitest"
import type { ExecuteAsyncOptions, ExecuteOptions, ExecuteRequest, StepRequest } from "../src/FlowOptions.js"

expectTypeOf<Exclude<FieldOf<RunOptionName>, keyof ExecuteOptions>>().toEqualTypeOf<never>()
expectTypeOf<Exclude<FieldOf<QueuedOption>, keyof ExecuteAsyncOptions>>().toEqualTypeOf<never>()
expectTypeOf<Exclude<FieldOf<RunOptionName>, keyof ExecuteRequest>>().toEqualTypeOf<never>()
expectTypeOf<Exclude<RepeatedField, keyof StepRequest>>().toEqualTypeOf<never>()
