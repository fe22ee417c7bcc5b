import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { Console, Option, Stream } from "effect"

/** Shows the lines of a file that are no rows. */
export const checkRows = (path: string) =>
  BatchSource.fromJsonl(path).rows.pipe(
    Stream.filterMap((row) => row._tag === "Unreadable" ? Option.some(`${row.at}: ${row.reason}`) : Option.none()),
    Stream.runForEach((line) => Console.log(line))
  )
