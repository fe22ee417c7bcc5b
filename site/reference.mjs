/**
 * The API reference as pages of the site, in the shape of the packages: one page per module, a service with its methods
 * first. Each method has its signature, the errors of its type and its example.
 */
import { join, posix, relative } from "node:path"
import { Application, Comment, Converter, ReflectionFlag, ReflectionKind } from "typedoc"
import { load as markdown, MarkdownPageEvent, MarkdownTheme, MarkdownThemeContext } from "typedoc-plugin-markdown"
import { load as vitepress } from "typedoc-vitepress-theme"
import { moduleName, moduleSummary, options } from "../scripts/documented.mjs"
import { root } from "../scripts/workspace.mjs"
import { grouped } from "./groups.mjs"

/** The categories of the docstrings in the order of a page, with their headings. */
const categories = {
  tags: "Service",
  constructors: "Constructors",
  layers: "Layers",
  operations: "Operations",
  combinators: "Combinators",
  middleware: "Middleware",
  errors: "Errors",
  options: "Options",
  models: "Models",
  schemas: "Schemas"
}

/** A property of the type of a function is a method. */
const asMethod = (property) => {
  const signatures = property.type?.declaration?.signatures
  if (property.kind !== ReflectionKind.Property || signatures === undefined) return
  property.kind = ReflectionKind.Method
  property.setFlag(ReflectionFlag.Readonly, false)
  property.signatures = signatures
  property.type = undefined
  for (const signature of signatures) {
    signature.name = property.name
    signature.parent = property
  }
  signatures[0].comment ??= property.comment
  property.comment = undefined
}

/** A tag of a service extends `Context.Tag(…)`; its methods are those of the interface `Service` in its namespace. */
const showServices = (project) => {
  for (const tag of project.getReflectionsByKind(ReflectionKind.Class)) {
    const isNamespace = ({ kind, name }) => kind === ReflectionKind.Namespace && name === tag.name
    const namespace = tag.parent.children.find(isNamespace)
    const service = namespace?.children.find(({ name }) => name === "Service")
    if (service === undefined) continue
    for (const child of [...tag.children ?? []]) project.removeReflection(child)
    for (const child of service.children ?? []) {
      child.parent = tag
      tag.addChild(child)
      asMethod(child)
    }
    service.children = undefined
    project.removeReflection(service)
    if ((namespace.children ?? []).length === 0) project.removeReflection(namespace)
  }
}

/** A class with the name of its module, such as `Flow` of the Promise client, is shown as a service. */
const showClients = (project) => {
  for (const client of project.getReflectionsByKind(ReflectionKind.Class)) {
    const hasMethods = client.children?.some(({ kind }) => kind === ReflectionKind.Method) === true
    const category = client.comment?.getTag("@category")
    if (hasMethods && category !== undefined && client.parent.name.endsWith(`/${client.name}`)) {
      category.content = [{ kind: "text", text: "tags" }]
    }
  }
}

/** The base classes of Effect say nothing about an error or a service. */
const hideBases = (project) => {
  for (const reflection of project.getReflectionsByKind(ReflectionKind.Class | ReflectionKind.Interface)) {
    const own = reflection.extendedTypes?.filter((type) => type.reflection !== undefined) ?? []
    reflection.extendedTypes = own.length === 0 ? undefined : own
  }
}

const nameCategories = (project) => {
  for (const { categories: found = [] } of project.getReflectionsByKind(ReflectionKind.All)) {
    for (const category of found) {
      category.title = categories[category.title] ?? category.title.replace(/^./, (letter) => letter.toUpperCase())
    }
  }
}

/** The members of a union, through its aliases. */
const membersOf = (type) => {
  if (type === undefined || type.type === "intrinsic") return []
  if (type.type === "union") return type.types.flatMap(membersOf)
  const { name, reflection, typeArguments = [] } = type
  if (name === "Exclude") {
    const excluded = membersOf(typeArguments[1]).map(({ name }) => name)
    return membersOf(typeArguments[0]).filter(({ name }) => !excluded.includes(name))
  }
  const alias = reflection?.kind === ReflectionKind.TypeAlias ? reflection.type : undefined
  return alias?.type === "union" || alias?.name === "Exclude" ? membersOf(alias) : [type]
}

/** The errors of replays have one line: a program rarely handles them one by one. */
const isOfReplay = ({ name, reflection }) => reflection !== undefined && /^Replay\w+Error$/.test(name)

/** The type of the failures of an `Effect` or a `Stream`. */
const failuresOf = (type) =>
  type?.type === "reference" && ["Effect", "Stream"].includes(type.name) ? membersOf(type.typeArguments?.[1]) : []

/** The base class of the rejections of a method of the Promise client, whose types cannot name them. */
const rejectionOf = ({ parent, type }, project) => {
  const isOfClient = parent?.sources?.some(({ fileName }) => fileName.startsWith("packages/promise/")) === true
  if (!isOfClient || !["AsyncIterable", "Promise"].includes(type?.name)) return undefined
  return project.getReflectionsByKind(ReflectionKind.Class).find(({ name, sources }) =>
    name === "NoukaiError" && sources?.some(({ fileName }) => fileName.startsWith("packages/promise/")) === true
  )
}

/** The errors of a type parameter: those of handlers, for example. */
const isOfCaller = ({ name, refersToTypeParameter, typeArguments = [] }) =>
  refersToTypeParameter || name === "Error" && typeArguments.length > 0 ||
  typeArguments.some((argument) => argument.refersToTypeParameter)

/** A type in a block of code, on one line. */
const plain = (markdown) =>
  markdown.replace(/\[([^\]]+)\]\([^)\s]*\)/g, "$1").replaceAll("`", "").replace(/\\(.)/g, "$1").replace(/\s+/g, " ")
    .replace(/([<(,:]|=>) ?\| /g, "$1 ").replace(/([<(]) /g, "$1").replaceAll("*extends*", "extends").trim()

class Context extends MarkdownThemeContext {
  partials = {
    ...this.partials,
    pageTitle: () =>
      this.page.model.kind === ReflectionKind.Module
        ? this.page.model.name.replace(/^@effect-noukai\//, "")
        : this.page.model.name,
    /** The names of type parameters, without their bounds; a long signature with one parameter on a line. */
    signatureTitle: (model) => {
      const typeOf = (type) => plain(this.partials.someType(type))
      const isMember = model.parent?.parent?.kindOf?.(ReflectionKind.Class | ReflectionKind.Interface) === true
      const keyword = isMember ? "" : model.kind === ReflectionKind.ConstructorSignature ? "new " : "function "
      const generics = (model.typeParameters ?? []).map(({ name }) => name).join(", ")
      const parameters = (model.parameters ?? []).map(({ defaultValue, flags, name, type }) =>
        `${flags.isRest ? "..." : ""}${name}${flags.isOptional || defaultValue !== undefined ? "?" : ""}: ${
          typeOf(type)
        }`
      )
      const head = `${keyword}${model.name}${generics === "" ? "" : `<${generics}>`}`
      const short = `${head}(${parameters.join(", ")}): ${typeOf(model.type)}`
      if (short.length <= 96) return `\`\`\`ts\n${short}\n\`\`\``
      const channels = model.type?.type === "reference" ? model.type.typeArguments ?? [] : []
      const returned = channels.length > 1
        ? `${model.type.name}<\n${channels.map((channel) => `  ${typeOf(channel)}`).join(",\n")}\n>`
        : typeOf(model.type)
      const lines = parameters.map((parameter) => `\n  ${parameter}`).join(",")
      return `\`\`\`ts\n${head}(${lines}${lines === "" ? "" : "\n"}): ${returned}\n\`\`\``
    },
    /** The signature is above: here are the errors. */
    signatureReturns: (model) => {
      const rejected = rejectionOf(model, this.page.project)
      if (rejected !== undefined) return `**Rejects with** a subclass of [NoukaiError](${this.urlTo(rejected)}).`
      const failures = failuresOf(model.type)
      const replay = failures.find(isOfReplay)
      const named = failures.filter((type) => !isOfCaller(type) && !isOfReplay(type))
      const errors = [...new Set(named.map((type) => this.partials.someType(type)))]
      if (replay !== undefined) {
        const { parent } = replay.reflection
        // where they have one name together, its link leads to all of them
        const together = parent.children.some(({ name }) => name === "ReplayError")
        const url = together ? `${this.urlTo(parent)}#replayerror` : this.urlTo(replay.reflection)
        errors.push(`an [error of a replay](${url})`)
      }
      if (failures.some(isOfCaller)) errors.push("the errors of your own functions")
      return errors.length === 0 ? "" : `**Fails with** ${errors.join(", ").replace(/, ([^,]+)$/, " or $1")}.`
    }
  }
}

class Theme extends MarkdownTheme {
  getRenderContext(page) {
    return new Context(this, page, this.application.options)
  }
}

/** An anchor as the theme of VitePress writes it in links. */
const slug = (anchor) => anchor.replace(/[^a-z0-9]+/gi, "-").replace(/^-+|-+$/g, "").toLowerCase()

/** A constructor has no heading: its class has one. */
const toConstructor = /\[([^\]]+)\]\([^)]*#constructor(?:-\d+)?\)/g

/** Headings to the depth of the search and the outline: a service is a section, and each method of it a part of that. */
const shape = (text) => {
  const ids = new Set()
  let fenced = false
  let inService = false
  return text.split("\n").flatMap((line) => {
    if (line.startsWith("```")) fenced = !fenced
    const [, marks, title] = fenced ? [] : /^(#+) (.*)$/.exec(line) ?? []
    if (marks === undefined) return [fenced ? line : line.replace(toConstructor, "$1")]
    if (marks === "##") inService = title === "Service"
    if (inService && marks === "##") return []
    if (title === "Methods") return []
    const level = marks.length - (marks.length > 4 ? 1 : 0) - (inService ? 1 : 0)
    const [, name, anchor] = /^(.*?)(?: \{#(.*)\})?$/.exec(title)
    if (anchor === undefined && marks.length > 2) return [`**${name}**`]
    // an export may have the name of a section
    const id = anchor === undefined ? `section-${slug(name)}` : slug(anchor)
    if (ids.has(id)) return [`**${name}**`]
    ids.add(id)
    return [`${"#".repeat(level)} ${name}${level === 1 ? "" : ` {#${id}}`}`]
  }).join("\n")
}

/** The page of a package: its exports, by the module that has them. */
const contents = (app, { model, url }) => {
  const modules = new Map()
  for (const child of model.children) {
    let module = child.getTargetReflectionDeep()
    while (!module.kindOf(ReflectionKind.Module)) module = module.parent
    if (!modules.has(module)) modules.set(module, [])
    modules.get(module).push(`\`${child.name}\``)
  }
  const rows = [...modules].map(([module, names]) =>
    `| [${module.name.split("/").at(-1)}](${
      posix.relative(posix.dirname(url), app.renderer.router.getFullUrl(module))
    }) | ${names.join(", ")} |`
  )
  return [
    `# ${model.name}`,
    moduleSummary(model.name) ?? "",
    ["| module | exports |", "| --- | --- |", ...rows.sort()].join("\n")
  ].join("\n\n")
}

/** The first page of the reference: the modules of each package in groups, each with the first sentence of its docstring. */
const overview = (app, project) => {
  const sections = grouped(project.children).map(({ groups, name }) => {
    const parts = groups.map(({ modules, title }) => {
      const rows = modules.map(({ entry, title }) => {
        const text = entry.comment?.summary.map(({ text }) => text).join("") ?? ""
        const [line] = text.replace(/\s+/g, " ").split(/(?<=[.:]) (?=[A-Z])/)
        return `| [${title}](${app.renderer.router.getFullUrl(entry)}) | ${line.replaceAll("|", "\\|")} |`
      })
      return [`### ${title} {#${name}-${slug(title)}}`, ["| module | holds |", "| --- | --- |", ...rows].join("\n")]
        .join("\n\n")
    })
    return [`## ${name}`, ...parts].join("\n\n")
  })
  return ["# Reference", "The public modules of each package.", ...sections].join("\n\n")
}

/** Writes the pages into `out`. */
export const writeReference = async (out) => {
  const app = await Application.bootstrapWithPlugins({
    ...options,
    plugin: [markdown, vitepress],
    theme: "noukai",
    out,
    docsRoot: join(out, ".."),
    router: "module",
    excludeScopesInPaths: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    hideGroupHeadings: true,
    useCodeBlocks: true,
    expandParameters: true,
    parametersFormat: "none",
    interfacePropertiesFormat: "table",
    classPropertiesFormat: "table",
    typeAliasPropertiesFormat: "table",
    typeDeclarationFormat: "table",
    tableColumnSettings: { hideInherited: true, hideModifiers: true, hideOverrides: true, hideSources: true },
    sort: ["source-order"],
    categorizeByGroup: false,
    categoryOrder: [...Object.keys(categories), "*", "type ids"],
    notRenderedTags: ["@since", "@category"],
    useCustomAnchors: true,
    cleanOutputDir: true
  })
  app.renderer.defineTheme("noukai", Theme)
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = moduleName(relative(root, module.sources[0].fullFileName))
      const text = moduleSummary(module.name)
      if (text !== undefined) module.comment = new Comment([{ kind: "text", text }])
    }
    showServices(project)
    showClients(project)
    hideBases(project)
  }, -1000)
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => nameCategories(project), -1000)
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    const { model } = page
    const isPackage = !model.isProject() && model.kindOf(ReflectionKind.Module) &&
      model.children.every(({ kind }) => kind === ReflectionKind.Reference)
    page.contents = model.isProject() ? overview(app, model) : isPackage ? contents(app, page) : shape(page.contents)
  })
  const project = await app.convert()
  if (project === undefined) throw new Error("typedoc cannot read the packages")
  app.options.setValue("disableSources", true) // they were needed for the names of the modules
  await app.generateOutputs(project)
  if (app.logger.hasErrors()) throw new Error("typedoc cannot write the reference")
}

if (process.argv[1] === import.meta.filename) await writeReference(process.argv[2])
