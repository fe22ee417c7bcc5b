/** The TypeScript module of flow values. */
import * as Order from "effect/Order"
import { hint } from "../terminal/shell.js"
import type { Known } from "./known.js"
import { isRequired, isUnknown, type Shape, type SimpleKind, simpleKinds } from "./shape.js"

/** The libraries in whose schemas flows are written. */
export const libraries = ["effect", "zod", "valibot", "arktype", "none"] as const

export type Library = (typeof libraries)[number]

/** How a library writes schemas. */
interface Notation {
  readonly imports: ReadonlyArray<string>
  readonly kind: (kind: SimpleKind | "unknown") => string
  readonly list: (items: string) => string
  readonly object: (properties: string) => string
  readonly property: (key: string, schema: string, isOptional: boolean) => string
  readonly union: (members: ReadonlyArray<string>) => string
  /** A definition as a value. Default: the definition. */
  readonly value?: (definition: string) => string
}

const isName = (key: string): boolean => /^[A-Za-z_$][\w$]*$/.test(key)

/** A key of an object literal. Without brackets, `__proto__` would set the prototype. */
const keyOf = (key: string): string => key === "__proto__" ? "[\"__proto__\"]" : isName(key) ? key : JSON.stringify(key)

const capitalized = (word: string): string => word[0]!.toUpperCase() + word.slice(1)

const called = (name: string) => (argument: string): string => `${name}(${argument})`

const listed = (members: ReadonlyArray<string>): string => members.join(", ")

const wrapped = (optional: (schema: string) => string): Notation["property"] => (key, schema, isOptional) =>
  `${keyOf(key)}: ${isOptional ? optional(schema) : schema}`

const promise = "import type { Noukai } from \"@effect-noukai/promise\""

const effect: Notation = {
  imports: ["import * as Flow from \"@effect-noukai/sdk/Flow\"", "import * as Schema from \"effect/Schema\""],
  kind: (kind) => `Schema.${capitalized(kind)}`,
  list: called("Schema.Array"),
  object: called("Schema.Struct"),
  property: wrapped(called("Schema.optional")),
  union: (members) => `Schema.Union(${listed(members)})`
}

/** Zod and Valibot name their functions alike. */
const functions = (prefix: string, imported: string): Notation => ({
  imports: [promise, imported],
  kind: (kind) => `${prefix}.${kind}()`,
  list: called(`${prefix}.array`),
  object: called(`${prefix}.object`),
  property: wrapped(called(`${prefix}.optional`)),
  union: (members) => `${prefix}.union([${listed(members)}])`
})

const zod = functions("z", "import { z } from \"zod\"")

const valibot = functions("v", "import * as v from \"valibot\"")

/** A definition of ArkType that is an expression already. */
const isType = (definition: string): boolean => definition.startsWith("type")

/** A key of ArkType. Backslashes escape the keys and the ending that have a meaning there. */
const arkKey = (key: string): string => key.replace(/^(?=(\.\.\.|\+|\[.*\])$)/s, "\\").replace(/\?$/, "\\?")

const arktype: Notation = {
  imports: [promise, "import { type } from \"arktype\""],
  kind: (kind) => JSON.stringify(kind),
  list: (items) => `${isType(items) ? items : `type(${items})`}.array()`,
  object: (properties) => properties,
  property: (key, schema, isOptional) =>
    isOptional && isName(key)
      ? `${JSON.stringify(`${key}?`)}: ${schema}`
      : `${keyOf(arkKey(key))}: ${isOptional ? `[${schema}, "?"]` : schema}`,
  union: (members) => `type.or(${listed(members)})`,
  value: (definition) => isType(definition) ? definition : `type(${definition})`
}

const none: Notation = {
  imports: [],
  kind: (kind) => kind,
  list: (items) => `ReadonlyArray<${items}>`,
  object: (properties) => properties,
  property: (key, schema, isOptional) => `readonly ${keyOf(key)}${isOptional ? "?" : ""}: ${schema}`,
  union: (members) => members.join(" | ")
}

const notations: { readonly [L in Library]: Notation } = { effect, zod, valibot, arktype, none }

/** The definition of a shape. Keys are sorted, so that equal facts give equal text. */
const definition = (notation: Notation, shape: Shape, indent: string): string => {
  const { items, kinds, object } = shape
  if (isUnknown(shape)) return notation.kind("unknown")
  const inner = `${indent}  `
  const members = [
    ...object === undefined ? [] : [notation.object(
      object.properties.size === 0 ? "{}" : `{\n${
        [...object.properties]
          .sort(([a], [b]) => Order.string(a, b))
          .map(([key, property]) =>
            inner +
            notation.property(key, definition(notation, property.shape, inner), !isRequired(object, property))
          )
          .join(",\n")
      }\n${indent}}`
    )],
    ...items === undefined ? [] : [notation.list(definition(notation, items, indent))],
    ...simpleKinds.filter((kind) => kinds.has(kind)).map(notation.kind)
  ]
  return members.length === 1 ? members[0]! : notation.union(members)
}

/** Words that cannot name a constant of a module. */
const reserved = new Set(
  ("arguments await break case catch class const continue debugger default delete do else enum eval export extends false " +
    "finally for function if implements import in instanceof interface let new null package private protected public " +
    "return static super switch this throw true try type typeof undefined v var void while with yield z").split(" ")
)

const camel = (words: ReadonlyArray<string>): string => {
  const name = words.flatMap((word) => word.split(/[^A-Za-z0-9]+/)).filter((word) => word !== "")
    .map((word, index) => index === 0 ? word : capitalized(word)).join("")
  return reserved.has(name) ? `${name}Flow` : /^[A-Za-z]/.test(name) ? name : `flow${name}`
}

/** Unique names: the slug, with project and organisation where two flows would have the same name. */
const namesOf = (flows: ReadonlyArray<string>): ReadonlyArray<string> => {
  const parts = flows.map((flow) => flow.split("/"))
  const of = (depth: number) => parts.map((words) => camel(words.slice(-depth)))
  const [short, longer, whole] = [of(1), of(2), of(3)]
  const isTaken = (names: ReadonlyArray<string>, name: string) => names.filter((other) => other === name).length > 1
  const chosen = flows.map((_, index) =>
    [short, longer, whole].find((names) => !isTaken(names, names[index]!))?.[index] ?? whole[index]!
  )
  return chosen.map((name, index) => {
    const before = chosen.slice(0, index).filter((other) => other === name).length
    return before === 0 ? name : `${name}${before + 1}`
  })
}

const schemasOf = (notation: Notation, { parameters, result }: Known, indent: string): string => {
  const { value = (text: string) => text } = notation
  const inner = `${indent}  `
  const schemas = Object.entries({ parameters, result })
    .filter(([name, shape]) => !isUnknown(shape) && (name === "result" || shape.object?.properties.size !== 0))
    .map(([name, shape]) => `${inner}${name}: ${value(definition(notation, shape, inner))}`)
  return schemas.length === 0 ? "" : `, {\n${schemas.join(",\n")}\n${indent}}`
}

const typed = (name: string, { flow, parameters, result }: Known): string => {
  const type = (part: string, shape: Shape) =>
    `export type ${capitalized(name)}${part} = ${definition(none, shape, "")}\n\n`
  return type("Parameters", parameters) + type("Result", result) + `export const ${name} = ${JSON.stringify(flow)}\n`
}

/** Returns a module with a value for each flow, sorted by address. */
export const moduleOf = (library: Library, flows: ReadonlyArray<Known>): string => {
  const sorted = [...flows].sort((a, b) => Order.string(a.flow, b.flow))
  const names = namesOf(sorted.map(({ flow }) => flow))
  const notation = notations[library]
  const values = sorted.map((known, index) => {
    const name = names[index]!
    const address = JSON.stringify(known.flow)
    if (library === "none") return typed(name, known)
    return library === "effect"
      ? `export const ${name} = Flow.make(${address}${schemasOf(notation, known, "")})\n`
      : `export const ${name} = (noukai: Noukai) =>\n  noukai.flow(${address}${schemasOf(notation, known, "  ")})\n`
  })
  const imports = notation.imports.filter((line) =>
    /Noukai|Flow/.test(line) || values.some((value) => usesOf(line, value))
  )
  return [
    `/** Written by \`${hint({}, "types")}\`. Run it again instead of changing this file. */`,
    ...imports.length === 0 ? [""] : [...imports, ""],
    values.join("\n")
  ].join("\n")
}

/** Whether a value uses the library of an import. */
const usesOf = (line: string, value: string): boolean =>
  new RegExp(`\\b${/(\w+) (?:\} )?from/.exec(line)?.[1] ?? ""}[.(]`).test(value)
