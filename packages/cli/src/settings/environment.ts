/** The environment of the process. */
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { parseEnv } from "node:util"

/** A variable that is set, and not empty. */
export const variable = (name: string): string | undefined => {
  const value = process.env[name]?.trim()
  return value === "" ? undefined : value
}

/** Sets the variables of a file such as `.env`. Those that are set stay. */
export const setVariables = (text: string): void => {
  for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value
}

/** The environment with other variables set, and some taken out. */
export const environmentWith = (
  set: { readonly [name: string]: string },
  without: ReadonlyArray<string>
): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !without.includes(name))),
  ...set
})

/** The folder of this program in a folder of the user's, such as `XDG_CONFIG_HOME`, where a relative path does not count. */
const userFolder = (xdg: string, windows: string, ...otherwise: ReadonlyArray<string>): string => {
  const given = variable(xdg)
  const folder = given !== undefined && isAbsolute(given)
    ? given
    : process.platform === "win32"
    ? variable(windows) ?? homedir()
    : join(homedir(), ...otherwise)
  return join(folder, "noukai")
}

/** The folder of what the command remembers. */
export const stateFolder = (): string => userFolder("XDG_STATE_HOME", "LOCALAPPDATA", ".local", "state")

/** The folder of the user's settings. */
export const configFolder = (): string => userFolder("XDG_CONFIG_HOME", "APPDATA", ".config")
