/** The environment of the process. */

/** A variable that is set, and not empty. */
export const variable = (name: string): string | undefined => {
  const value = process.env[name]?.trim()
  return value === "" ? undefined : value
}

/** The environment with other variables set, and some taken out. */
export const environmentWith = (
  set: { readonly [name: string]: string },
  without: ReadonlyArray<string>
): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !without.includes(name))),
  ...set
})
