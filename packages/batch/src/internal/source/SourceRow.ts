/** A row as it stands in a source: its value, or why it has none. */
export type SourceRow<Row> =
  | { readonly _tag: "Row"; readonly at: string; readonly value: Row }
  | { readonly _tag: "Unreadable"; readonly at: string; readonly reason: string }

/** A record of CSV: the text of each column by its name. The schema of the definition reads numbers and dates from it. */
export type CsvRow = Readonly<Record<string, string>>
