/** The options of the local search. VitePress sends the function to the page as text, so it uses nothing from outside. */
export const fields = { fields: ["title", "titles", "text"], storeFields: ["title", "titles"] }

export const searchOptions = {
  fuzzy: 0.2,
  prefix: true,
  boost: { title: 4, text: 2, titles: 1 },
  /** Guides before symbols; a method whose name is the word itself before all. */
  boostDocument: (id, term, { title }) => {
    if (id.includes("/guides/")) return 4
    if (id.includes("/packages/") || id.includes("/overview")) return 2
    if (!id.includes("/api/")) return 0.5
    const isNamed = title.replace(/[^\w].*$/, "").toLowerCase() === term
    if (!isNamed) return 0.5
    return /\/api\/sdk\/\w+Service/.test(id) ? 24 : 2
  }
}
