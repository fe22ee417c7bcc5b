/** As many of these different numbers as can stay to leave the list in order. */
export const longestInOrder = (numbers: ReadonlyArray<number>): ReadonlySet<number> => {
  type Chain = { readonly number: number; readonly before: Chain | undefined }
  /** For each length, the chain of that length with the smallest last number. */
  const chains: Array<Chain> = []
  for (const number of numbers) {
    let [place, end] = [0, chains.length]
    while (place < end) {
      const middle = (place + end) >> 1
      if (chains[middle]!.number < number) place = middle + 1
      else end = middle
    }
    chains[place] = { number, before: chains[place - 1] }
  }
  const kept = new Set<number>()
  for (let chain = chains.at(-1); chain !== undefined; chain = chain.before) kept.add(chain.number)
  return kept
}
