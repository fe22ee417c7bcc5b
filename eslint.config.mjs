import effect from "@effect/eslint-plugin"
import js from "@eslint/js"
import tseslint from "typescript-eslint"

const source = "packages/*/src/**/*.ts"

/** The files whose subject is the runtime's own timers. */
const nativeTimers = ["packages/sdk/src/internal/core/time.ts"]

const barrels = ["effect", "@effect/platform", "@effect/platform-node"]

const barrelImports = {
  paths: barrels.map((name) => ({ name, message: `Import the module: import * as X from "${name}/X".` }))
}

const timerImports = {
  paths: [
    ...barrelImports.paths,
    ...["timers", "node:timers", "timers/promises", "node:timers/promises"].map((name) => ({
      name,
      message: "Time comes from Effect: Effect.sleep, Schedule, Clock."
    }))
  ]
}

const timers = ["setTimeout", "setInterval", "setImmediate"]

const ambient = [
  { object: "process", property: "env", message: "Read the environment through Config, in layerConfig." },
  { object: "Date", property: "now", message: "Time comes from Clock." },
  { object: "performance", property: "now", message: "Time comes from Clock." },
  { object: "Math", property: "random", message: "Randomness comes from Random." },
  { object: "crypto", property: "randomUUID", message: "Ids come from Random." },
  { object: "Effect", property: "orDie", message: "A failure stays in the error channel." },
  { object: "Effect", property: "Service", message: "Declare the interface, then a Context.Tag class." },
  { object: "Effect", property: "Tag", message: "No accessors: declare a Context.Tag class." },
  { object: "Context", property: "GenericTag", message: "Declare a Context.Tag class." }
]

const timerProperties = ["globalThis", "window", "self"].flatMap((object) =>
  timers.map((property) => ({ object, property, message: "Time comes from Effect: Effect.sleep, Schedule, Clock." }))
)

const sizes = (lines) => ({
  "max-lines": ["error", { max: 500, skipBlankLines: true, skipComments: true }],
  "max-lines-per-function": ["error", { max: lines, skipBlankLines: true, skipComments: true, IIFEs: true }]
})

const shapes = [
  {
    selector: "ExportAllDeclaration:not([exported])",
    message: "Re-export by name."
  },
  {
    // effect/Function and the like hold functions, not a concept
    selector:
      "ImportDeclaration[importKind='value'][source.value=/^(effect|@effect\\u002f[^\\u002f]+)\\u002f(?!(Function|GlobalValue|Pipeable|Types|Utils)$)/] > ImportSpecifier[importKind='value']",
    message: "Import the module as a namespace: import * as X from \"effect/X\"."
  },
  {
    // src is checked under the bundler's resolution, which would let it pass; Node does not
    selector:
      ":matches(ImportDeclaration, ExportNamedDeclaration, ExportAllDeclaration)[source.value=/^[.]/]:not([source.value=/[.]js$/])",
    message: "Relative imports end in .js."
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: "Time comes from Clock."
  },
  {
    selector: "MemberExpression[property.name='env'][object.property.name='process']",
    message: "Read the environment through Config, in layerConfig."
  },
  {
    selector:
      "CallExpression[callee.property.name='catchAll'] > :matches(ArrowFunctionExpression, FunctionExpression)[params.length=0]",
    message: "Look at the error: a catch-all hides outages."
  }
]

export default tseslint.config(
  {
    ignores: ["**/dist/", "**/build/", "**/docs/", "**/coverage/", "packages/studio/assets/"]
  },
  {
    linterOptions: { reportUnusedDisableDirectives: "error" }
  },
  js.configs.recommended,
  tseslint.configs.recommended,
  {
    files: ["**/*.{ts,mts,js,mjs,cjs}"],
    plugins: { "@effect": effect },
    rules: {
      "@effect/dprint": ["error", {
        config: {
          indentWidth: 2,
          lineWidth: 120,
          semiColons: "asi",
          quoteStyle: "alwaysDouble",
          trailingCommas: "never",
          operatorPosition: "maintain",
          "arrowFunction.useParentheses": "force"
        }
      }],
      "no-fallthrough": "off",
      "object-shorthand": "error",
      "prefer-rest-params": "off", // pipeArguments(this, arguments)
      "require-yield": "off",
      "@typescript-eslint/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
      "@typescript-eslint/no-empty-object-type": ["error", { allowInterfaces: "with-single-extends" }],
      "@typescript-eslint/no-namespace": ["error", { allowDeclarations: true }],
      "@typescript-eslint/no-unused-vars": ["error", {
        argsIgnorePattern: "^_",
        caughtErrorsIgnorePattern: "^_",
        destructuredArrayIgnorePattern: "^_",
        varsIgnorePattern: "^_"
      }]
    }
  },
  {
    // a module is imported once; a namespace may stand beside names
    files: ["**/*.{ts,tsx,mts,js,mjs,cjs}"],
    ignores: ["**/*.d.ts"],
    rules: { "no-duplicate-imports": "error" }
  },
  {
    files: ["**/*.{js,mjs,cjs}"],
    languageOptions: {
      globals: Object.fromEntries(
        [
          "AbortController",
          "AbortSignal",
          "Buffer",
          "Headers",
          "ReadableStream",
          "Request",
          "Response",
          "TextDecoder",
          "TextEncoder",
          "URL",
          "clearTimeout",
          "console",
          "crypto",
          "fetch",
          "performance",
          "process",
          "setTimeout",
          "structuredClone"
        ].map((name) => [name, "readonly"])
      )
    }
  },
  {
    files: [source],
    rules: {
      "no-console": "error",
      "no-restricted-globals": [
        "error",
        ...timers.map((name) => ({ name, message: "Time comes from Effect: Effect.sleep, Schedule, Clock." }))
      ],
      "no-restricted-imports": ["error", timerImports],
      "no-restricted-properties": ["error", ...ambient, ...timerProperties],
      "no-restricted-syntax": ["error", ...shapes],
      "@typescript-eslint/no-explicit-any": "error"
    }
  },
  {
    files: [source],
    rules: sizes(100)
  },
  {
    // a component is its markup
    files: ["packages/studio/page/**/*.{ts,tsx}"],
    rules: sizes(200)
  },
  {
    files: nativeTimers,
    rules: {
      "no-restricted-globals": "off",
      "no-restricted-imports": ["error", barrelImports],
      "no-restricted-properties": ["error", ...ambient]
    }
  },
  {
    // they have no Effect, and so no Clock
    files: ["packages/promise/src/internal/relay/relayRequest.ts", "packages/promise/src/page.ts"],
    rules: { "no-restricted-globals": "off", "no-restricted-properties": "off" }
  },
  {
    // a command is what the environment is for
    files: ["packages/cli/src/settings/environment.ts"],
    rules: { "no-restricted-properties": "off", "no-restricted-syntax": "off" }
  },
  {
    files: ["**/*.cjs"],
    languageOptions: { sourceType: "commonjs", globals: { require: "readonly", __dirname: "readonly" } },
    rules: { "@typescript-eslint/no-require-imports": "off" }
  },
  {
    files: ["packages/benchmarks/src/**/*.ts"],
    rules: {
      "no-console": "off",
      "no-restricted-globals": "off",
      "no-restricted-imports": "off",
      "no-restricted-properties": "off",
      "no-restricted-syntax": "off"
    }
  }
)
