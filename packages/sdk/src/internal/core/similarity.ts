/** The number of letters to change to make one text of the other. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

const longest = 255

/** The distance of two names of which one was probably meant to be the other; `undefined`: probably not. */
export const nameDistance = (a: string, b: string): number | undefined => {
  if (a.length > longest || b.length > longest) return undefined
  const found = distance(a, b)
  return found <= Math.max(2, Math.floor(Math.min(a.length, b.length) / 3)) ? found : undefined
}

/** The one whose name a misspelled name was probably meant to be, if there is one. */
export const nearest = <A>(name: string, all: ReadonlyArray<A>, nameOf: (one: A) => string): A | undefined =>
  all.flatMap((one) => {
    const distance = nameDistance(name, nameOf(one))
    return distance === undefined ? [] : [{ one, distance }]
  }).sort((a, b) => a.distance - b.distance)[0]?.one
