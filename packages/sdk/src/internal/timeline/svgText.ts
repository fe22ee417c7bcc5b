/**
 * Text that is safe in an SVG, whatever it was made of.
 *
 * @internal
 */
import { safeText } from "./columns.js"

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

/** Any text as the content of an element or an attribute. @internal */
export const escapeXml = (text: string): string => safeText(text).replace(/[&<>"']/g, (found) => entities[found]!)
