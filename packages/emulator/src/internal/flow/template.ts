/** Templates: JSON whose strings hold placeholders. */
import {
  type Digits,
  digitsAt,
  digitsIn,
  digitsOf,
  digitsWithin,
  stringifyJson,
  withDigits
} from "@effect-noukai/sdk/kit/plainJson"
import type { Json } from "../../Flow.js"
import { isObject } from "../json.js"

/** The values that placeholders can refer to. */
export interface TemplateScope {
  readonly message: string | null
  readonly messages: ReadonlyArray<Json>
  readonly parameters: { readonly [name: string]: Json }
  readonly input: Json
  readonly outputs: { readonly [stepId: string]: Json }
  readonly tools?: { readonly [name: string]: Json } | undefined
  /** The original text of results, for text that quotes them. */
  readonly texts?: { readonly [name: string]: string } | undefined
  readonly results?: ReadonlyArray<Json> | undefined
  readonly loop?: { readonly index: number; readonly item: Json } | undefined
}

const placeholder = /\{\{\s*([^{}]+?)\s*\}\}/g

/** The placeholders of every string of a template, as dotted paths. */
export const placeholders = (template: Json): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (value: Json): void => {
    if (typeof value === "string") {
      for (const match of value.matchAll(placeholder)) found.push(match[1]!)
    } else if (Array.isArray(value)) value.forEach(visit)
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit)
  }
  visit(template)
  return found
}

const member = (value: Json | undefined, key: string): Json | undefined => {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, Json>)[key]
}

const descend = (value: Json | undefined, path: ReadonlyArray<string>): Json => path.reduce(member, value) ?? null

/**
 * The value of a placeholder. A parameter named `message` equals `message`.
 *
 * @see docs/wire.md#execute
 */
const resolve = (path: string, scope: TemplateScope): Json => {
  const [root, ...rest] = path.split(".")
  switch (root) {
    case "message":
      return scope.message ?? descend(scope.parameters, ["message"])
    case "messages":
      return descend(scope.messages, rest)
    case "parameters":
      return descend(scope.parameters, rest)
    case "input":
      return descend(scope.input, rest)
    case "steps":
      return rest[1] === "output" ? descend(member(scope.outputs, rest[0]!), rest.slice(2)) : null
    case "tools":
      return descend(scope.tools, rest)
    case "results":
      return descend(scope.results, rest)
    case "loop":
      return descend(scope.loop, rest)
    default:
      return null
  }
}

/** The digits of the number at a place. */
const digitsOfPlace = (path: string, scope: TemplateScope): Digits | undefined => {
  const [, parent, name] = /^(.+)\.([^.]+)$/.exec(path) ?? []
  return parent === undefined || name === undefined ? undefined : digitsAt(digitsOf(resolve(parent, scope)), name)
}

const toText = (value: Json, digits: Digits | undefined = digitsWithin(value)): string =>
  value === null ? "" : typeof value === "string" ? value : stringifyJson(value, digits)

const quote = (path: string, scope: TemplateScope): string => {
  const [root, name, ...rest] = path.split(".")
  const text = root === "tools" && rest.length === 0 ? member(scope.texts, name!) : undefined
  return typeof text === "string" ? text : toText(resolve(path, scope), digitsOfPlace(path, scope))
}

export const renderText = (template: string, scope: TemplateScope): string =>
  template.replace(placeholder, (_, path: string) => quote(path, scope))

/** The place of a text that is one placeholder. */
const placeOf = (text: string): string | undefined => /^\{\{\s*([^{}]+?)\s*\}\}$/.exec(text)?.[1]

const renderString = (text: string, scope: TemplateScope): Json => {
  const place = placeOf(text)
  return place === undefined ? renderText(text, scope) : resolve(place, scope)
}

/** The digits of the numbers that the members of a template become. */
const renderedDigits = (template: Json, scope: TemplateScope): Digits | undefined =>
  digitsIn(
    Object.entries(template ?? {}).map(([key, member]: [string, Json]) => {
      const place = typeof member === "string" ? placeOf(member) : undefined
      return [key, place === undefined ? digitsAt(digitsOf(template), key) : digitsOfPlace(place, scope)]
    })
  )

export const render = (template: Json, scope: TemplateScope): Json => {
  if (typeof template === "string") return renderString(template, scope)
  if (Array.isArray(template)) {
    return withDigits(template.map((item) => render(item, scope)), renderedDigits(template, scope))
  }
  if (!isObject(template)) return template
  if (Object.hasOwn(template, "$match")) {
    const chosen = member(template.cases, toText(render(template.$match!, scope)))
    return render(chosen ?? template.default ?? null, scope)
  }
  return withDigits(
    Object.fromEntries(Object.entries(template).map(([key, value]) => [key, render(value, scope)])),
    renderedDigits(template, scope)
  )
}
