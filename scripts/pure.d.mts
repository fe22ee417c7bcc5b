import type { Plugin } from "esbuild"

export declare const marked: Plugin
