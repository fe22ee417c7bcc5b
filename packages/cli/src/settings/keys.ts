/** Stored keys: in the keyring of the system, or in files that only the user can read. */
import { spawnSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { configFolder } from "./environment.js"

/** A stored key and its place. */
export interface StoredKey {
  readonly key: string
  readonly from: string
}

const pathOf = (profile: string): string => join(configFolder(), "keys", profile)

/** Runs the program of the keyring. Returns its output, or `undefined` if it fails. */
const keyring = (does: "store" | "look up" | "clear", profile: string, key = ""): string | undefined => {
  const mac = ["-s", "noukai", "-a", profile]
  const linux = ["service", "noukai", "profile", profile]
  // the key goes through stdin, because other users can see arguments
  const [program, args, input] = process.platform === "darwin"
    ? does === "store"
      ? ["security", ["-i"], `add-generic-password -U ${mac.join(" ")} -w ${JSON.stringify(key)}\n`]
      : ["security", [`${does === "clear" ? "delete" : "find"}-generic-password`, ...mac, "-w"], ""]
    : does === "store"
    ? ["secret-tool", ["store", `--label=noukai ${profile}`, ...linux], key]
    : ["secret-tool", [does === "clear" ? "clear" : "lookup", ...linux], ""]
  const { status, stdout } = spawnSync(program, args, { input, encoding: "utf8", timeout: 30_000 })
  return status === 0 ? stdout.trim() : undefined
}

/** Returns the key of a profile. */
export const stored = (profile: string): StoredKey | undefined => {
  const path = pathOf(profile)
  if (existsSync(path)) return { key: readFileSync(path, "utf8").trim(), from: `the file ${path}` }
  const key = keyring("look up", profile)
  return key === undefined || key === "" ? undefined : { key, from: "the keyring" }
}

/** Removes the key of a profile. Returns whether there was one. */
export const remove = (profile: string): boolean => {
  const before = stored(profile)
  rmSync(pathOf(profile), { force: true })
  keyring("clear", profile)
  return before !== undefined
}

/** Stores a key for a profile and returns its place. Throws if its file cannot be written. */
export const store = (profile: string, key: string): string => {
  remove(profile)
  // some keyring programs succeed and store nothing
  if (keyring("store", profile, key) !== undefined && keyring("look up", profile) === key) return "the keyring"
  const path = pathOf(profile)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(`${path}.new`, `${key}\n`, { mode: 0o600 })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
  return `the file ${path}`
}
