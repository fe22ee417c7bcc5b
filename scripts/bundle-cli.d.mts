import type { BuildResult } from "esbuild"

export declare const bundle: (outdir: string, conditions?: ReadonlyArray<string>) => Promise<BuildResult>
