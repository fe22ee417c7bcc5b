/**
 * Makes an error of whatever the server sent: a constructor that checks its fields throws instead.
 *
 * @internal
 */
export const unchecked = { disableValidation: true }
