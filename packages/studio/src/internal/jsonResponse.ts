/** Responses whose objects an encoder need not check. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { exactJson } from "./text.js"

/** Responds with JSON, with the digits of its numbers. */
export const jsonResponse = (value: object): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(exactJson(value) ?? "null", { contentType: "application/json" })
