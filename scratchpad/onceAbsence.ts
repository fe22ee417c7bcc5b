import { Noukai } from "@effect-noukai/sdk"

/** The gateway says `{"error":"unknown_session"}`. A paid run is sent after `true`, and after nothing else. */
export const isSessionNotFound = (body: string): boolean =>
  /^\s*\{\s*"error"\s*:\s*"unknown_session"\s*\}\s*$/.test(body)

export const NoukaiBehindGateway = Noukai.layer({ isSessionNotFound })
