/** Lets Vite load the packages of this repository from their sources. A project that installs them needs no such file. */
import { defaultClientConditions, defineConfig } from "vite"

export default defineConfig({ resolve: { conditions: ["@effect-noukai/source", ...defaultClientConditions] } })
