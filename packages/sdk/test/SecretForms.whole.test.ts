/** The well-known forms of secrets, and texts that are none. None of the keys here was ever one. */
import { maskSecrets } from "@effect-noukai/sdk/Cassette"
import { assert, describe, it } from "@effect/vitest"
import * as FC from "effect/FastCheck"
import { withoutSecrets } from "../src/internal/cassette/secretForms.js"
import { fuzz, fuzzTimeout } from "./support/fuzz.js"
import { oddities, prose } from "./support/prose.js"
import { size } from "./support/size.js"

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
  "GitHub": FC.tuple(FC.constantFrom("p", "o", "u", "s", "r"), drawn(base62, 36)).map(([kind, rest]) =>
    `gh${kind}_${rest}`
  ),
  "GitHub, fine-grained": FC.tuple(drawn(base62, 22), drawn(base62, 59)).map(([a, b]) => "github_" + `pat_${a}_${b}`),
  "Google": drawn(base64url, 35).map((rest) => "AI" + `za${rest}`),
  "JWT": FC.tuple(drawn(base64url, 30), drawn(base64url, 80), drawn(base64url, 43)).map(([a, b, c]) =>
    "ey" + `J${a}.ey` + `J${b}.${c}`
  ),
  "OpenAI": drawn(base62, 48).map((rest) => "s" + `k-${rest}`),
  "OpenAI, of a project": drawn(base64url, 120).map((rest) => "s" + `k-proj-${rest}`),
  "Anthropic": drawn(base64url, 95).map((rest) => "s" + `k-ant-api03-${rest}`),
  "Noukai": FC.tuple(FC.constantFrom("live", "test"), drawn(base62, 8), drawn(base62, 32)).map((all) =>
    "n" + `k_${all.join("_")}`
  ),
  "Noukai, hexadecimal": FC.tuple(FC.constantFrom("live", "test"), drawn(hexadecimal, 8), drawn(hexadecimal, 32)).map((
    all
  ) => "n" + `k_${all.join("_")}`),
  "Noukai, of any signs": FC.tuple(
    FC.constantFrom("live", "test"),
    drawn(base64url, 8),
    drawn(`${base64url}.~+/=`, 31),
    drawn(base64url, 1)
  ).map(([mode, id, ...rest]) => "n" + `k_${mode}_${id}_${rest.join("")}`),
  "Slack": FC.tuple(FC.constantFrom("b", "p", "a", "r", "s"), drawn(digits, 12), drawn(digits, 13), drawn(base62, 24))
    .map(([kind, ...all]) => "xo" + `x${kind}-${all.join("-")}`),
  "Slack, of an app": FC.tuple(drawn(upper + digits, 11), drawn(digits, 13), drawn(hexadecimal, 64)).map((all) =>
    "xa" + `pp-1-${all.join("-")}`
  ),
  "Stripe": FC.tuple(FC.constantFrom("s", "r"), FC.constantFrom("live", "test"), drawn(base62, 24)).map((
    [kind, mode, rest]
  ) => `${kind}` + `k_${mode}_${rest}`),
  "Stripe, of a webhook": drawn(base62, 32).map((rest) => "wh" + `sec_${rest}`),
  "private key": FC.tuple(
    FC.constantFrom("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "),
    drawn(base64, 64),
    FC.constantFrom("\n", "\r\n", "\\n")
  ).map(([kind, rest, end]) =>
    `-----BEGIN ${kind}PRIVATE` + ` KEY-----${end}${rest}${end}-----END ${kind}PRIVATE KEY-----`
  ),
  "AWS, secret, assigned": drawn(base64, 40).map((rest) => `AWS_SECRET_ACCESS` + `_KEY=${rest}`)
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
  (inner: string) => JSON.stringify({ note: `line\n${inner}`, tab: `\t${inner}` }),
  (inner: string) => `note=%0A${inner}`,
  (inner: string) => `\`\`\`json\n${JSON.stringify({ a: [inner] }, null, 2)}\n\`\`\``
)

/** The part that is secret. */
const secretOf = (text: string): string => text.slice(text.indexOf("=") < 20 ? 0 : text.indexOf("=") + 1)

describe("secrets of well-known forms are masked", () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it(name, () => {
      fuzz(FC.tuple(places, shape), 200, ([put, key]) => {
        const masked = maskSecrets(put(key))
        assert.notInclude(masked, secretOf(key))
        assert.include(masked, "[redacted]")
        assert.strictEqual(maskSecrets(masked), masked)
      })
    }, fuzzTimeout)
  }

  it("where an escape stands before the secret of AWS, and nothing around it", () => {
    const escapes = FC.constantFrom("=\\n", "=\\r\\n", "%3D", "%3d", "%22%3A%22", "\\u003d", "\\u003D\\u0022")
    const written = FC.constantFrom(
      (key: string) => key,
      (key: string) => key.replaceAll("/", "\\/"),
      encodeURIComponent
    )
    fuzz(FC.tuple(places, escapes, written, drawn(base64, 40)), 500, ([put, escape, write, key]) => {
      const name = "aws_secret_access" + "_key"
      assert.strictEqual(maskSecrets(put(name + escape + write(key))), put(`${name}${escape}[redacted]`))
    })
  })

  it("where an escape stands before the secret of AWS, and its last sign is written as one", () => {
    const name = "aws_secret_access" + "_key"
    const same = "A".repeat(38)
    for (const secret of [`${same}%2BA`, `${same}A%2F`, `${same}A\\/`, `${same}A%2b`]) {
      for (const escape of ["%3D", "=\\n", "\\u003d"]) {
        assert.strictEqual(maskSecrets(name + escape + secret), `${name}${escape}[redacted]`)
      }
    }
  })

  it("where an escape stands behind the secret of AWS", () => {
    const name = "aws_secret_access" + "_key"
    const secret = "A".repeat(40)
    for (const rest of ["%2Fx", "%2Bx", "\\/x", "\\/\\/comment", "%22", "\\n"]) {
      for (const escape of ["=", "%3D", "\\u003d"]) {
        assert.strictEqual(maskSecrets(name + escape + secret + rest), `${name}${escape}[redacted]${rest}`)
      }
    }
    const slashes = `%2F${"A".repeat(38)}%2F`
    assert.strictEqual(maskSecrets(`${name}=${slashes}`), `${name}=[redacted]`)
  })

  it("of a key of Noukai, and not the sentence around it", () => {
    const key = "n" + "k_live_abcdefgh_ab_cdefghijklm-nopqrstuvwxyz01"
    for (
      const [before, after] of [["it is ", "."], ["key=", "&a=b"], ["see ", "... or not"], ["(", ")."], ["", "\\n"]]
    ) {
      assert.strictEqual(maskSecrets(`${before}${key}${after}`), `${before}[redacted]${after}`)
    }
  })

  it("where the slashes of the address of a webhook are escaped, and nothing around it", () => {
    const slashes = FC.constantFrom("/", "\\/", "%2F", "%2f")
    fuzz(
      FC.tuple(places, slashes, drawn(upper, 9), drawn(upper, 9), drawn(base62, 24)),
      300,
      ([put, slash, team, bot, key]) => {
        const start = ["https:", "", ""].join(slash)
        const address = ["hooks.slack" + ".com", "services", `T${team}`, `B${bot}`, key].join(slash)
        assert.strictEqual(maskSecrets(put(start + address)), put(`${start}[redacted]`))
      }
    )
  })

  it("in values and in the names of keys, and nothing around them", () => {
    fuzz(shapes["GitHub"]!, 50, (key) => {
      assert.deepStrictEqual(withoutSecrets({ [key]: [`see ${key}.`], a: { b: "fine", n: 1 } }), {
        "[redacted]": ["see [redacted]."],
        a: { b: "fine", n: 1 }
      })
    })
  })
})

describe("other text stays", () => {
  it("some thousand lines in English, German and French, with names of fields and files", () => {
    assert.isAbove(prose.length, 1_500)
    assert.deepStrictEqual(prose.filter((line) => !line.includes("_xxxx") && maskSecrets(line) !== line), [])
  })

  it(
    "ids, hashes, pictures and addresses in it",
    () => fuzz(oddities, 500, (text) => assert.strictEqual(maskSecrets(text), text)),
    fuzzTimeout
  )
})

it("a long text is read in one go", () => {
  const parts = [
    "a.",
    "eyJ-",
    "-eyJ",
    "eyJabcdefgh.",
    "sk-",
    "sk-ant-",
    "sk-proj-",
    "nk_a_",
    "nk_",
    "nk_live_",
    "nk_live_.",
    "nk_test_a//",
    "nk_test_a\\\\",
    "gh",
    "ghp_",
    "AKIA",
    "A1b/",
    "aws_secret_access_key=",
    "aws_secret_access_key ",
    "aws_secret_access_key=\\n",
    "aws_secret_access_key%3D",
    "aws_secret_access_key",
    " = ",
    "\\",
    "%2F",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN ",
    "hooks.slack.com/services/T",
    "hooks.slack.com/services/T1/B",
    "hooks.slack.com\\/services\\/T",
    "hooks.slack.com%2Fservices%2FT1%2FB",
    "xoxb-1",
    "AIza",
    "ya29."
  ]
  for (const part of parts) maskSecrets(part.repeat(Math.ceil(size(200_000, 60_000) / part.length)))
})
