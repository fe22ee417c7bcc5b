import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Effect, Schema, Stream } from "effect"
import { isLast, RunEventLine } from "./runEvents.js"

/** The events of a run, typed on this side too. The server writes each as one `data:` line. */
export const watch = (url: string, message: string) =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.bodyUnsafeJson({ message }),
    HttpClient.execute,
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    HttpClientResponse.stream,
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.mapEffect((line) => Schema.decode(RunEventLine)(line.slice("data: ".length))),
    Stream.takeUntil(isLast)
  )
