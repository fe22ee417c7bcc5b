/**
 * Names that secrets have: of fields, variables, headers and cookies.
 *
 * @internal
 */

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "))

/** Words that make a name that of a secret, as its last word. */
const secrets = words(
  "password passwords passwd passwds passwort passwörter kennwort pwd passphrase passphrases passcode secret secrets credential " +
    "credentials creds cookie cookies authorization authorisation jwt bearer motdepasse"
)

/** Endings of names of secrets whose words nothing parts. */
const endings = [
  "password",
  "passwd",
  "passphrase",
  "passwort",
  "apikey",
  "apitoken",
  "secretkey",
  "accesskey",
  "privatekey",
  "authkey",
  "accesstoken",
  "refreshtoken",
  "authtoken",
  "sessiontoken",
  "idtoken",
  "bearertoken",
  "clientsecret",
  "setcookie",
  "credentials",
  "connectionstring"
]

/** Words before `pass` that make it a password; alone it is the outcome of a test. */
const ofPass = words(
  "db database user username smtp mail email ftp sftp ssh sql mysql pg postgres redis mongo admin root login auth proxy my"
)

const ofKey = words(
  "api access secret private auth authentication signing sign encryption encrypt decryption crypto master account shared subscription service " +
    "admin deploy ssh webhook app application hmac aes rsa pgp gpg jwt server license wallet"
)

/** Words before `token` that make it a count, a mark of a model or a place in a list. */
const ofToken = words(
  "max min num total count eos bos pad unk sep cls mask stop start end special next prev previous page cursor continuation sync " +
    "prompt completion input output cached reasoning thinking per"
)

const ofTokens = words("access refresh auth api session bearer csrf xsrf id login secret security user device push")

const ofHash = words("password passwd pwd passphrase passwort secret")

/**
 * Last words that are skipped, since they describe the secret and name no other thing: `passwordConfirmation`,
 * `DB_PASSWORD_PROD`.
 */
const remarks = words(
  "confirm confirmation confirmed again repeat repeated value raw plain plaintext text new old current prod production dev development " +
    "staging stage test testing live local default base64 b64 hex pem der encoded header env"
)

const isRemark = (word: string): boolean => /^v?\d*$/.test(word) || remarks.has(word)

const wordsOf = (name: string): Array<string> =>
  name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word !== "")

const longest = 100

const isSecret = (name: string): boolean => {
  const all = wordsOf(name)
  while (all.length > 1 && isRemark(all.at(-1)!)) all.pop()
  const last = all.at(-1)
  if (last === undefined) return false
  const word = last.replace(/\d+$/, "")
  const before = all.at(-2) ?? ""
  switch (word) {
    case "token":
      return !ofToken.has(before)
    case "tokens":
      return ofTokens.has(before)
    case "key":
    case "keys":
      return ofKey.has(before)
    case "pass":
      return ofPass.has(before)
    case "hash":
    case "salt":
    case "digest":
      return ofHash.has(before)
    case "string":
      return before === "connection"
    case "passe":
      return before === "de" && all.at(-3) === "mot"
    default:
      return secrets.has(word) || endings.some((ending) => word.endsWith(ending))
  }
}

/** A pattern that every name of a secret matches, and that most other names fail at little cost. */
const hint = /pass|pwd|secret|token|key|cred|cookie|authori|jwt|bearer|kennwort|string|hash|salt|digest/i

/**
 * Whether a name is that of a secret: `password`, `DB_PASSWORD`, `x-api-key`, `sessionToken`. `max_tokens` is not.
 *
 * @internal
 */
export const isSecretName = (name: string): boolean => name.length <= longest && hint.test(name) && isSecret(name)
