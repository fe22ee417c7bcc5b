/** Names and what they stand for, a line each. */
export const rows = (all: ReadonlyArray<readonly [name: string, value: string | number]>): string => {
  const width = Math.max(...all.map(([name]) => name.length))
  return all.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("")
}
