/** Templates: JSON whose strings hold placeholders. */
import type { Json } from "../../Flow.js"
import { at, type Exact, type Exacts, listOf, objectOf, textOf } from "../exact.js"
import { isObject } from "../json.js"

/** The values that placeholders can refer to. */
export interface TemplateScope {
  readonly message: string | null
  readonly messages: ReadonlyArray<Json>
  readonly parameters: { readonly [name: string]: Json }
  readonly input: Exact
  readonly outputs: Exacts
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

const descend = (value: Exact | undefined, path: ReadonlyArray<string>): Exact =>
  path.reduce((inner, key) => at(inner?.value, key), value) ?? { value: null }

/**
 * The value of a placeholder. A parameter named `message` equals `message`.
 *
 * @see docs/wire.md#execute
 */
const resolve = (path: string, scope: TemplateScope): Exact => {
  const [root, ...rest] = path.split(".")
  switch (root) {
    case "message":
      return scope.message === null ? descend({ value: scope.parameters }, ["message"]) : { value: scope.message }
    case "messages":
    case "parameters":
    case "tools":
    case "results":
    case "loop":
      return descend({ value: scope[root] ?? null }, rest)
    case "input":
      return descend(scope.input, rest)
    case "steps":
      return rest[1] === "output" && Object.hasOwn(scope.outputs, rest[0]!)
        ? descend(scope.outputs[rest[0]!], rest.slice(2))
        : { value: null }
    default:
      return { value: null }
  }
}

const toText = (part: Exact): string =>
  part.value === null ? "" : typeof part.value === "string" ? part.value : textOf(part)

const quote = (path: string, scope: TemplateScope): string => {
  const [root, name, ...rest] = path.split(".")
  const text = root === "tools" && rest.length === 0 ? at(scope.texts, name!)?.value : undefined
  return typeof text === "string" ? text : toText(resolve(path, scope))
}

export const renderText = (template: string, scope: TemplateScope): string =>
  template.replace(placeholder, (_, path: string) => quote(path, scope))

const renderString = (text: string, scope: TemplateScope): Exact => {
  const place = /^\{\{\s*([^{}]+?)\s*\}\}$/.exec(text)?.[1]
  return place === undefined ? { value: renderText(text, scope) } : resolve(place, scope)
}

const render = (template: Exact, scope: TemplateScope): Exact => {
  const { value } = template
  if (typeof value === "string") return renderString(value, scope)
  if (Array.isArray(value)) return { value: listOf(value.map((_, index) => renderAt(value, index, scope))) }
  if (!isObject(value)) return template
  if (Object.hasOwn(value, "$match")) {
    const chosen = at(value.cases, toText(renderAt(value, "$match", scope)))
    return render(chosen ?? at(value, "default") ?? { value: null }, scope)
  }
  return { value: objectOf(Object.fromEntries(Object.keys(value).map((key) => [key, renderAt(value, key, scope)]))) }
}

/** Renders the template at a key of a step, or of another template. */
export const renderAt = (holder: unknown, key: string | number, scope: TemplateScope): Exact =>
  render(at(holder, key) ?? { value: null }, scope)
