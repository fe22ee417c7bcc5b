/** Texts that count as a credential, and texts that do not. None of the keys here was ever one. */
import { assert, describe, it } from "@effect/vitest"
import * as FC from "effect/FastCheck"
import { credentialsIn, maskCredentials } from "../src/internal/cassette/credentials.js"
import { keyFinder } from "../src/internal/cassette/ownKey.js"
import { isSecretName } from "../src/internal/cassette/secretNames.js"
import { anyText, fuzz, fuzzTimeout } from "./support/fuzz.js"
import { english, french, german, oddities, prose } from "./support/prose.js"
import { size } from "./support/size.js"

const hits = (value: unknown): ReadonlyArray<string> => credentialsIn(value)

const drawn = (alphabet: string, length: number): FC.Arbitrary<string> =>
  FC.noBias(FC.array(FC.constantFrom(...alphabet), { minLength: length, maxLength: length })).map((all) => all.join(""))

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
const digits = "0123456789"
const lower = upper.toLowerCase()
const base62 = upper + lower + digits
const base64 = `${base62}+/`
const base64url = `${base62}-_`
const hexadecimal = "0123456789abcdef"

/** In two parts, so that nobody takes them for what they look like. */
const shapes: { readonly [name: string]: FC.Arbitrary<string> } = {
  "AWS, id": FC.tuple(FC.constantFrom("AK" + "IA", "AS" + "IA"), drawn(upper + digits, 16)).map((all) => all.join("")),
  "AWS, secret": drawn(base64, 40).filter((text) => /[a-z]/.test(text) && /[A-Z]/.test(text)),
  "GitHub": FC.tuple(FC.constantFrom("p", "o", "u", "s", "r"), drawn(base62, 36)).map(([kind, rest]) =>
    `gh${kind}_${rest}`
  ),
  "GitHub, fine-grained": FC.tuple(drawn(base62, 22), drawn(base62, 59)).map(([a, b]) => "github_" + `pat_${a}_${b}`),
  "GitLab": drawn(base64url, 20).map((rest) => "glp" + `at-${rest}`),
  "Google": drawn(base64url, 35).map((rest) => "AI" + `za${rest}`),
  "Hugging Face": drawn(upper + lower, 34).map((rest) => "h" + `f_${rest}`),
  "JWT": FC.tuple(drawn(base64url, 30), drawn(base64url, 80), drawn(base64url, 43)).map(([a, b, c]) =>
    "ey" + `J${a}.ey` + `J${b}.${c}`
  ),
  "npm": drawn(base62, 36).map((rest) => "np" + `m_${rest}`),
  "OpenAI": drawn(base62, 48).map((rest) => "s" + `k-${rest}`),
  "OpenAI, of a project": drawn(base64url, 120).map((rest) => "s" + `k-proj-${rest}`),
  "Anthropic": drawn(base64url, 95).map((rest) => "s" + `k-ant-api03-${rest}`),
  "Noukai": FC.tuple(FC.constantFrom("live", "test"), drawn(base62, 8), drawn(base62, 32)).map((all) =>
    "n" + `k_${all.join("_")}`
  ),
  "Noukai, hexadecimal": FC.tuple(FC.constantFrom("live", "test"), drawn(hexadecimal, 8), drawn(hexadecimal, 32)).map((
    all
  ) => "n" + `k_${all.join("_")}`),
  "SendGrid": FC.tuple(drawn(base64url, 22), drawn(base64url, 43)).map((all) => "S" + `G.${all.join(".")}`),
  "Slack": FC.tuple(FC.constantFrom("b", "p", "a", "r", "s"), drawn(digits, 12), drawn(digits, 13), drawn(base62, 24))
    .map(([kind, ...all]) => "xo" + `x${kind}-${all.join("-")}`),
  "Slack, of an app": FC.tuple(drawn(upper + digits, 11), drawn(digits, 13), drawn(hexadecimal, 64)).map((all) =>
    "xa" + `pp-1-${all.join("-")}`
  ),
  "Stripe": FC.tuple(FC.constantFrom("s", "r"), FC.constantFrom("live", "test"), drawn(base62, 24)).map((
    [kind, mode, rest]
  ) => `${kind}` + `k_${mode}_${rest}`),
  "Stripe, of a webhook": drawn(base62, 32).map((rest) => "wh" + `sec_${rest}`),
  "Bearer, base62": FC.integer({ min: 24, max: 60 }).chain((length) => drawn(base62, length)).map((rest) =>
    `Bearer ${rest}`
  ),
  "Bearer, hexadecimal": drawn(hexadecimal, 40).map((rest) => `bearer ${rest}`),
  "Bearer, UUID": FC.tuple(...[8, 4, 4, 4, 12].map((length) => drawn(hexadecimal, length))).map((all) =>
    `Authorization: BEARER ${all.join("-")}`
  ),
  "Basic": FC.tuple(drawn(`${base62}@.`, 8), drawn(base64url, 10)).map(([user, password]) =>
    `Basic ${btoa(`${user}:${password}`)}`
  ),
  "Basic, not of ASCII": drawn("äöüß€漢字", 9).map((password) =>
    `basic ${Buffer.from(`ada:${password}`).toString("base64")}`
  ),
  "Basic, a key as the user": drawn(base62, 30).map((user) => `Basic ${btoa(`${user}:`)}`),
  "in an address": FC.tuple(drawn(lower, 5), drawn(base62, 12)).map(([user, password]) =>
    `postgres://${user}:${password}@db.example.com/app`
  ),
  "in an address, without a user": drawn(base62, 12).map((password) => `rediss://:${password}@cache.example.com`),
  "private key": FC.tuple(
    FC.constantFrom("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "),
    drawn(base64, 64),
    FC.constantFrom("\n", "\r\n", "\\n")
  ).map(
    ([kind, rest, end]) => `-----BEGIN ${kind}PRIVATE` + ` KEY-----${end}${rest}${end}`
  ),
  "an assignment": drawn(base62, 32).map((value) => `export MY_SERVICE_API_KEY="${value}"`),
  "a header": drawn(hexadecimal, 40).map((value) => `X-Api-Key: ${value}`),
  "a query": drawn(base62, 32).map((value) => `https://example.com/hook?id=7&access_token=${value}&x=1`)
}

/** Where a text can have something in it. */
const places: FC.Arbitrary<(inner: string) => string> = FC.constantFrom(
  (inner: string) => inner,
  (inner: string) => `it is ${inner}.`,
  (inner: string) => `“${inner}”`,
  (inner: string) => `(${inner}), and more`,
  (inner: string) => `${"a line of words\n".repeat(20)}${inner}\n${"and another\n".repeat(20)}`,
  (inner: string) => JSON.stringify({ note: `see ${inner}` }),
  (inner: string) => JSON.stringify(JSON.stringify([{ deep: [inner] }])),
  (inner: string) => `\`\`\`json\n${JSON.stringify({ a: [inner] }, null, 2)}\n\`\`\``
)

describe("what people write is no credential", () => {
  it("some thousand lines in English, German and French, one by one and all in one", () => {
    assert.isAbove(prose.length, 1_500)
    assert.isAbove(new Set(prose).size, 1_500)
    const flagged = prose.filter((line) => hits([line]).length > 0)
    assert.deepStrictEqual(flagged, [])
    assert.deepStrictEqual(hits([prose.join("\n")]), [])
    assert.deepStrictEqual(hits({ messages: prose.map((content) => ({ role: "user", content })) }), [])
  })

  it("in capitals, in small letters, and as lists of words", () => {
    for (const line of [...english, ...german, ...french]) {
      assert.deepStrictEqual(hits([line.toUpperCase(), line.toLowerCase(), line.split(/\s+/)]), [], line)
    }
  })

  it(
    "ids, hashes, pictures and addresses in it",
    () => fuzz(oddities, 2_000, (text) => assert.deepStrictEqual(hits([text]), [], text)),
    fuzzTimeout
  )

  it("also where the scheme of a header comes first, whatever word follows", () => {
    const words = [...english, ...german, ...french].flatMap((line) => line.split(/[\s.,;:!?()„“”«»"]+/))
    for (const scheme of ["Basic", "basic", "BASIC", "Bearer", "bearer", "Token:", "Password:"]) {
      const lines = [...new Set(words)].map((word) => `${scheme} ${word}`)
      assert.deepStrictEqual(lines.filter((line) => hits([line]).length > 0), [])
    }
  })
})

describe("what has the shape of a key is one", () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it(name, () => {
      fuzz(FC.tuple(places, shape), 400, ([put, key]) => {
        assert.deepStrictEqual(hits({ note: put(key) }), ["$.note"], put(key))
        assert.notInclude(JSON.stringify(maskCredentials([put(key)])), key)
      })
    }, fuzzTimeout)
  }

  it("as the name of a field, which is not quoted", () => {
    fuzz(shapes["GitHub"]!, 50, (key) => {
      assert.deepStrictEqual(hits({ [key]: { a: "b" } }), ["$[\"[redacted]\"]"])
    })
  })
})

describe("what has the name of a secret is one", () => {
  const names = [
    "password",
    "Password",
    "PASSWORD",
    "DB_PASSWORD",
    "DB_PASSWORD_PROD",
    "PGPASSWORD",
    "dbPassword",
    "userPassword2",
    "password_confirmation",
    "new-password",
    "passwd",
    "pwd",
    "SMTP_PASS",
    "passphrase",
    "sshKeyPassphrase",
    "passcode",
    "Passwort",
    "kennwort",
    "mot_de_passe",
    "passwordHash",
    "secret",
    "client_secret",
    "clientSecret",
    "AWS_SECRET_ACCESS_KEY",
    "secretKey",
    "token",
    "Token",
    "access_token",
    "accessToken",
    "accesstoken",
    "refresh_token",
    "id_token",
    "session_token",
    "sessionToken",
    "x-csrf-token",
    "x-amz-security-token",
    "GITHUB_TOKEN",
    "api_key",
    "apiKey",
    "apikey",
    "APIKEY",
    "x-api-key",
    "X-Api-Key",
    "Ocp-Apim-Subscription-Key",
    "private_key",
    "privateKey",
    "privateKeyPem",
    "PRIVATE_KEY_BASE64",
    "encryption-key",
    "signingKey",
    "authorization",
    "Authorization",
    "proxy-authorization",
    "cookie",
    "Cookie",
    "set-cookie",
    "Set-Cookie",
    "credentials",
    "db.credentials",
    "connectionString",
    "jwt"
  ]

  const harmless = [
    "max_tokens",
    "maxTokens",
    "tokens",
    "tokenCount",
    "prompt_tokens",
    "completionTokens",
    "token_type",
    "tokenizer",
    "eos_token",
    "nextPageToken",
    "next_token",
    "key",
    "keys",
    "primary_key",
    "publicKey",
    "cacheKey",
    "idempotency-key",
    "keyboard",
    "keyword",
    "monkey",
    "turkey",
    "api_key_id",
    "passwordHint",
    "password_policy",
    "password_reset_url",
    "secretary",
    "secretName",
    "passage",
    "compass",
    "bypass",
    "passed",
    "cookieConsent",
    "authorizationUrl",
    "author",
    "sessionId",
    "session_id",
    "executionId",
    "string",
    "hash",
    "salt",
    "pass",
    "value",
    "text",
    "_",
    ""
  ]

  const values = FC.oneof(
    FC.constantFrom("hunter2", "s3cr3t", "a", "correct horse battery staple", "password"),
    drawn(base62, 12)
  )

  for (const name of names) {
    it(name, () => {
      fuzz(values, 20, (value) => {
        assert.deepStrictEqual(hits({ deep: [{ [name]: value }] }).length, 1)
        assert.deepStrictEqual(hits({ text: JSON.stringify({ deep: [{ [name]: value }] }) }), ["$.text"])
        assert.deepStrictEqual(hits({ text: JSON.stringify(JSON.stringify({ [name]: value })) }), ["$.text"])
        assert.deepStrictEqual(hits({ [name]: [value] }).length, 1)
        const masked = JSON.stringify(maskCredentials({ [name]: value, list: [{ [name]: [value] }] }))
        assert.deepStrictEqual(JSON.parse(masked), { [name]: "[redacted]", list: [{ [name]: ["[redacted]"] }] })
      })
    })
  }

  for (const name of harmless) {
    it(`not ${JSON.stringify(name)}`, () => {
      assert.isFalse(isSecretName(name))
      assert.deepStrictEqual(hits({ [name]: "hunter2" }), [])
      assert.deepStrictEqual(hits({ text: JSON.stringify({ [name]: "hunter2" }) }), [])
    })
  }

  it("below a name that holds secrets, and beside the name of one", () => {
    assert.deepStrictEqual(hits({ credentials: { user: "ada", key: "abc" } }), [
      "$.credentials.user",
      "$.credentials.key"
    ])
    assert.deepStrictEqual(
      hits({ env: [{ name: "DB_PASSWORD", value: "hunter2" }, { name: "PORT", value: "8080" }] }),
      [
        "$.env[0].value"
      ]
    )
    assert.deepStrictEqual(hits({ password: 12345678, token: 7, max_tokens: 4096 }), ["$.password"])
  })

  it("not if nothing is there, or what stands for it", () => {
    const nothing = [
      "",
      "[redacted]",
      "Bearer [redacted]",
      "<redacted>",
      "<your token>",
      "${TOKEN}",
      "$TOKEN",
      "{{token}}",
      "***",
      "xxxx",
      "null",
      true,
      null,
      {},
      []
    ]
    for (const value of nothing) assert.deepStrictEqual(hits({ password: value, token: value }), [], String(value))
  })

  it("not if it is described, or is a part of a text", () => {
    assert.deepStrictEqual(hits({ properties: { password: { type: "string", default: "none" } } }), [])
    assert.deepStrictEqual(hits({ credentials: { type: "object", description: "who asks", properties: {} } }), [])
    assert.deepStrictEqual(hits({ required: ["password", "token"] }), [])
    assert.deepStrictEqual(hits({ content: [{ token: "The", logprob: -0.3 }, { token: " cat", logprob: -1 }] }), [])
  })
})

describe("a key that is known", () => {
  const key = `n${"k"}_test_planted8_0123456789abcdef0123456789abcdef`
  const finds = keyFinder(key)

  const encodings: { readonly [name: string]: (text: string) => string } = {
    "as it is": (text) => text,
    "in capitals": (text) => text.toUpperCase(),
    "in some capitals": (text) => text.replace(/[a-f]/g, (letter) => letter.toUpperCase()),
    "percent": (text) => text.replace(/[^A-Za-z0-9]/g, (one) => `%${one.charCodeAt(0).toString(16)}`),
    "percent, all of it": (text) =>
      Array.from(text, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`).join(""),
    "percent, twice": (text) => text.replaceAll("_", "%255F"),
    "escapes of JSON": (text) =>
      Array.from(text, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
    "escapes of JSON, in JSON in text": (text) => JSON.stringify(JSON.stringify(text.replaceAll("_", "\\u005F"))),
    "entities": (text) => text.replaceAll("_", "&#95;").replaceAll("0", "&#x30;"),
    "hexadecimal": (text) => Buffer.from(text).toString("hex"),
    "hexadecimal, in capitals": (text) => Buffer.from(text).toString("hex").toUpperCase(),
    "hexadecimal, in pairs": (text) => Buffer.from(text).toString("hex").replace(/../g, "$& "),
    "hexadecimal, of a dump": (text) => Array.from(Buffer.from(text), (byte) => `0x${byte.toString(16)}`).join(", "),
    "hexadecimal, of a string": (text) => Array.from(Buffer.from(text), (byte) => `\\x${byte.toString(16)}`).join("")
  }

  for (const [name, encode] of Object.entries(encodings)) {
    it(name, () => {
      assert.isTrue(finds(encode(key)))
      assert.isTrue(finds(`it is ${encode(key)}.`))
      assert.deepStrictEqual(credentialsIn({ a: [{ note: `so: ${encode(key)}!` }] }, finds), ["$.a[0].note"])
    })
  }

  it("base64 from any byte on, in both alphabets, with and without an end, and in lines", () => {
    fuzz(
      FC.tuple(anyText({ maxLength: 40 }), anyText({ maxLength: 40 })),
      500,
      ([before, after]) => {
        const bytes = Buffer.from(`${before}${key}${after}`)
        const text = bytes.toString("base64")
        for (
          const encoded of [
            text,
            bytes.toString("base64url"),
            text.replace(/=+$/, ""),
            text.replace(/.{20}/g, "$&\n"),
            text.replaceAll("/", "\\/"),
            encodeURIComponent(text),
            JSON.stringify(JSON.stringify(text.replace(/.{20}/g, "$&\n")))
          ]
        ) assert.isTrue(finds(`say ${encoded}`), encoded)
      }
    )
  })

  it("with signs that need escapes", () => {
    const odd = `n${"k"}_te/st+"7=\\~ü€`
    const findsOdd = keyFinder(odd)
    for (
      const encode of [
        JSON.stringify,
        encodeURIComponent,
        (text: string) => text.replaceAll("/", "\\/"),
        (text: string) => JSON.stringify(text).replaceAll("/", "\\/"),
        (text: string) => Buffer.from(text).toString("base64"),
        (text: string) => Buffer.from(text).toString("hex")
      ]
    ) assert.isTrue(findsOdd(`x${encode(odd)}x`), encode(odd))
  })

  it("and nothing else", () => {
    fuzz(oddities, 300, (text) => assert.isFalse(finds(text)))
    for (const line of prose) assert.isFalse(finds(line))
    assert.isFalse(finds(key.slice(0, -1)))
    assert.isFalse(finds(Buffer.from(key.slice(0, -2)).toString("base64")))
  })
})

it("the scan reads a long text in one go, whatever it is made of", () => {
  const parts = [
    ...prose.slice(0, 30),
    "a.",
    "eyJ-",
    "-eyJ",
    "eyJabcdef.",
    "eyJabcdef..",
    "x",
    "bearer ",
    "basic ",
    "Basic YTpi ",
    "\"password\":",
    "password=",
    "password:   ",
    "key",
    "keykey",
    "token",
    "://",
    "://a:",
    "a:b@",
    "sk-",
    "sk-ab-",
    "nk_a_",
    "nk_",
    "n",
    " ",
    "\n",
    "A1b/",
    "A1b/A1b/ ",
    "AKIA",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n",
    "\\n",
    "\\u005f",
    "%5F",
    "&#95;",
    "{",
    "[",
    "\"",
    "```json\n",
    "```json\n{\n",
    "{\"a\":",
    "{}\n",
    "[1]\n",
    "gh",
    "xoxb-1",
    "SG.a.",
    "'a",
    "'a'",
    "'a': ",
    "=",
    "_",
    "-",
    "/",
    "0x"
  ]
  const finds = keyFinder("n" + "k_test_planted8_0123456789abcdef0123456789abcdef")
  for (const part of parts) credentialsIn([part.repeat(Math.ceil(size(200_000, 60_000) / part.length))], finds)
})
