/** What takes the place of what was removed. @internal */
export const redacted = "[redacted]"
