/** The default limits of a page. The size is in bytes. */
export const defaults = {
  maxBodyBytes: 262_144,
  maxToolRounds: 10,
  bodyTimeout: "10 seconds",
  authorizeTimeout: "10 seconds",
  heartbeat: "15 seconds"
} as const
