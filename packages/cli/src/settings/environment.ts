/** The environment of the process. */
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { parseEnv } from "node:util"

/** Returns a variable that is set and not empty. */
export const variable = (name: string): string | undefined => {
  const value = process.env[name]?.trim()
  return value === "" ? undefined : value
}

/** Sets the variables of a file such as `.env`, except those that are set already. */
export const setVariables = (text: string): void => {
  for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value
}

/** Returns the environment with the variables of `set`, and without those of `without`. */
export const environmentWith = (
  set: { readonly [name: string]: string },
  without: ReadonlyArray<string>
): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !without.includes(name))),
  ...set
})

/** Returns the folder `noukai` in a folder of the user, such as `XDG_CONFIG_HOME`. A relative path is ignored. */
const userFolder = (xdg: string, windows: string, ...otherwise: ReadonlyArray<string>): string => {
  const given = variable(xdg)
  const folder = given !== undefined && isAbsolute(given)
    ? given
    : process.platform === "win32"
    ? variable(windows) ?? homedir()
    : join(homedir(), ...otherwise)
  return join(folder, "noukai")
}

/** Returns the folder of the history. */
export const stateFolder = (): string => userFolder("XDG_STATE_HOME", "LOCALAPPDATA", ".local", "state")

/** Returns the folder of the user's settings. */
export const configFolder = (): string => userFolder("XDG_CONFIG_HOME", "APPDATA", ".config")
