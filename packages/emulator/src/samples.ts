/**
 * The flows of an emulator without flows of its own.
 *
 * @since 0.1.0
 */
import type { FileFlow } from "./Flow.js"

/**
 * `noukai/samples/hello-world`: one step that greets the message.
 *
 * @since 0.1.0
 * @category flows
 */
export const helloWorld: FileFlow = {
  ref: "noukai/samples/hello-world",
  steps: [
    {
      kind: "template",
      id: "greet",
      name: "Greet",
      prompt: "Greet the person who says: {{message}}",
      output: { text: "Hello! You said: {{message}}" },
      tokens: { prompt: 24, completion: 9 },
      costUsd: "0.00012",
      model: "example-model"
    }
  ]
}

/**
 * `noukai/samples/two-step`: classifies the message, then answers it.
 *
 * @since 0.1.0
 * @category flows
 */
export const twoStep: FileFlow = {
  ref: "noukai/samples/two-step",
  steps: [
    {
      kind: "template",
      id: "classify",
      name: "Classify",
      prompt: "Classify: {{message}}",
      output: { label: "order", about: "{{message}}" },
      tokens: { prompt: 120, completion: 9 },
      costUsd: "0.00031",
      model: "example-model"
    },
    {
      kind: "template",
      id: "answer",
      name: "Answer",
      prompt: "Answer this {{steps.classify.output.label}}: {{message}}",
      output: { text: "About your {{steps.classify.output.label}}: {{message}}" },
      partials: [{ text: "About" }, { text: "About your {{steps.classify.output.label}}" }],
      tokens: { prompt: 151, completion: 21 },
      costUsd: "0.00090",
      model: "example-model"
    }
  ]
}

/**
 * `acme/spelling/grade-3`: grades a sentence. Takes the parameter `difficulty` (`"easy"`, `"hard"`). Returns `{ score:
 * number, feedback: string }`.
 *
 * @since 0.1.0
 * @category flows
 */
export const grade3: FileFlow = {
  ref: "acme/spelling/grade-3",
  steps: [
    {
      kind: "template",
      id: "check",
      name: "Check the spelling",
      prompt: "List the spelling mistakes of: {{message}}",
      output: { sentence: "{{message}}", mistakes: [] },
      tokens: { prompt: 88, completion: 14 },
      costUsd: "0.00021",
      model: "example-model"
    },
    {
      kind: "template",
      id: "grade",
      name: "Grade",
      prompt: "Grade ({{parameters.difficulty}}): {{steps.check.output.sentence}}",
      output: {
        score: { $match: "{{parameters.difficulty}}", cases: { easy: 10, hard: 8 }, default: 9 },
        feedback: {
          $match: "{{parameters.difficulty}}",
          cases: {
            easy: "Well done! \"{{steps.check.output.sentence}}\" has no mistakes.",
            hard: "No mistakes in \"{{steps.check.output.sentence}}\", but try a longer sentence next time."
          },
          default: "No mistakes in \"{{steps.check.output.sentence}}\"."
        }
      },
      tokens: { prompt: 132, completion: 27 },
      costUsd: "0.00054",
      model: "example-model"
    }
  ]
}

/**
 * `noukai/samples/tools-enabled`: calls the tool `get_weather`, then quotes its result.
 *
 * @since 0.1.0
 * @category flows
 */
export const toolsEnabled: FileFlow = {
  ref: "noukai/samples/tools-enabled",
  steps: [
    {
      kind: "tool",
      id: "assistant",
      name: "Assistant",
      rounds: [[{ name: "get_weather", arguments: { city: "Lisbon" } }]],
      output: { text: "The weather, as get_weather says: {{tools.get_weather}}" },
      tokens: { prompt: 210, completion: 34 },
      costUsd: "0.00140",
      model: "example-model"
    }
  ]
}

/**
 * All sample flows.
 *
 * @since 0.1.0
 * @category flows
 */
export const samples: ReadonlyArray<FileFlow> = [helloWorld, twoStep, grade3, toolsEnabled]
