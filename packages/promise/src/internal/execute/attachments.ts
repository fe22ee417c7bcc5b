import { isRecord } from "../json.js"

const attachmentOf = (given: unknown): unknown => {
  if (!isRecord(given)) return given
  const { mimeType, ...attachment } = given
  return mimeType === undefined || "mime_type" in attachment ? attachment : { ...attachment, mime_type: mimeType }
}

/** The longest list that is translated. A longer one is refused. */
export const maxAttachments = 10

/** Translates a list of attachments. Any other value stays, to be refused. */
export const attachmentsOf = (attachments: unknown): unknown =>
  Array.isArray(attachments) && attachments.length <= maxAttachments ? attachments.map(attachmentOf) : attachments
