/** `noukai webhooks verify`. */
import * as Webhook from "@effect-noukai/sdk/Webhook"
import * as Options from "@effect/cli/Options"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { readFile } from "node:fs/promises"
import { json, optional, repeated } from "../../arguments/flags.js"
import { CommandError, failed, wrong } from "../../exit/CommandError.js"
import { exitCodes } from "../../exit/exitCode.js"
import { setVariables, variable } from "../../settings/environment.js"
import { jsonLine } from "../../terminal/json.js"
import { Terminal } from "../../terminal/Terminal.js"
import { cell } from "../../terminal/text.js"
import { type InputOf, leaf } from "../leaf.js"

const required = (name: string, does: string) => Options.withDescription(Options.text(name), does)

const config = {
  body: required("body", "The file with the bytes of the body, as they arrived."),
  signature: required("signature", "The header X-Noukai-Signature of the delivery."),
  delivery: optional("delivery", "The header X-Noukai-Delivery, which some forms sign."),
  secretEnv: repeated("secret-env", "Read a secret from this variable. Repeatable."),
  envFile: optional("env-file", "Read unset variables from this file, such as .env."),
  json
}

type Input = InputOf<typeof config>

const usual = ["NOUKAI_WEBHOOK_SECRET", "NOUKAI_WEBHOOK_SECRET_OLD"]

/** The forms in which services sign a delivery: of each the parts, in which `{body}` is the raw body. */
const forms = [
  "{t}.{body}",
  "{body}",
  "{t}{body}",
  "{t}:{body}",
  "v0:{t}:{body}",
  "{delivery}.{t}.{body}",
  "{t}\n{body}"
]

/** The bytes of a form. */
const signedBy = (form: string, delivery: string): NonNullable<Webhook.VerifyOptions["signed"]> => (t, body) => {
  const [before = "", after = ""] = form.replace("{t}", t).replace("{delivery}", delivery).split("{body}")
  return Buffer.concat([Buffer.from(before), body, Buffer.from(after)])
}

/** The texts of a secret that may be the key. */
const spellings = (secret: string): ReadonlyArray<readonly [spelling: string, key: string]> => [
  ["the whole secret", secret],
  ...secret.startsWith("whsec_") ? [["the secret without whsec_", secret.slice("whsec_".length)] as const] : []
]

const secretsOf = Effect.fnUntraced(function*(input: Input) {
  if (Option.isSome(input.envFile)) setVariables(yield* fileOf("--env-file", input.envFile.value, "utf8"))
  const names = input.secretEnv.length > 0 ? input.secretEnv : usual
  const set = names.flatMap((name) => {
    const secret = variable(name)
    return secret === undefined ? [] : [{ name, secret }]
  })
  return set.length > 0 ? set : yield* wrong(
    `there is no secret of your organisation's webhooks: set ${
      names.join(" or ")
    }, or name its variable by --secret-env`
  )
})

const fileOf = <E extends "utf8" | undefined>(flag: string, path: string, encoding: E) =>
  Effect.tryPromise({
    try: () => readFile(path, encoding) as Promise<E extends "utf8" ? string : Buffer>,
    catch: () => wrong(`${flag}: the file ${path} cannot be read`)
  })

const timeOf = (signature: string): number => Number(/(?:^|,)\s*t=(\d+)/.exec(signature)?.[1])

/** Verifies a body as of the time of its signature: the age is told, and does not matter here. */
const verified = (signature: string, body: Buffer, options: Webhook.VerifyOptions) =>
  Effect.promise(async () => {
    try {
      const header = (name: string) => name === "x-noukai-signature" ? signature : undefined
      await Webhook.verify(body, header, { ...options, now: () => timeOf(signature) * 1000 })
      return undefined
    } catch (error) {
      if (error instanceof Webhook.WebhookError) return error
      throw error
    }
  })

/** Looks for the form in which one of the secrets signed the body. */
const findForm = Effect.fnUntraced(function*(input: Input, body: Buffer) {
  const secrets = yield* secretsOf(input)
  const delivery = Option.getOrElse(input.delivery, () => "")
  for (const form of forms) {
    if (form.includes("{delivery}") && delivery === "") continue
    for (const { name, secret } of secrets) {
      for (const [spelling, key] of spellings(secret)) {
        const refusal = yield* verified(input.signature, body, { secrets: key, signed: signedBy(form, delivery) })
        if (refusal?.code === "MALFORMED_SIGNATURE") return yield* wrong(`--signature: ${refusal.message}`)
        if (refusal?.code !== "WRONG_SIGNATURE") {
          return { form, secret: name, key: spelling, isJson: refusal === undefined, seconds: timeOf(input.signature) }
        }
      }
    }
  }
  return undefined
})

const handle = Effect.fnUntraced(function*(input: Input) {
  const terminal = yield* Terminal
  const body = yield* fileOf("--body", input.body, undefined)
  const found = yield* findForm(input, body)
  if (found === undefined) {
    return yield* new CommandError({
      code: exitCodes.failed,
      message: `none of ${forms.length} usual forms fits: no secret signed these ${body.length} bytes`,
      advice: [
        "save the body before anything parses it: one other byte, such as a last line end, is another signature",
        "check the secret: for 24 hours after a rotation v1 is of the new one and v2 of the old one",
        ...Option.isNone(input.delivery) ? ["some forms sign the id of the delivery, too: give it by --delivery"] : []
      ]
    })
  }
  const age = Math.round((yield* Clock.currentTimeMillis) / 1000 - found.seconds)
  const { form, isJson, key, secret } = found
  const shown = form.replace("\n", "\\n")
  yield* terminal.write(
    input.json
      ? jsonLine({ form: shown, secret, key, age, isJson })
      : `signed as ${shown} by ${cell(secret)} (${key}), ${age} seconds ago\n${
        form === forms[0] && key === "the whole secret"
          ? "this is what verify expects by default\n"
          : "give verify this form as its option signed\n"
      }`
  )
  if (!isJson) return yield* failed("the body is signed, and is no JSON object")
})

export const command = leaf("verify", "Find the form in which a webhook was signed.", config, handle)
