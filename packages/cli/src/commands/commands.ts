/** All commands by their names. The file of a command is loaded when the command is called. */
import type { Leaf } from "./leaf.js"

type Load = () => Promise<{ readonly command: Leaf }>

/** Commands under one name. */
export interface Group {
  readonly does: string
  readonly commands: { readonly [name: string]: Load | Group }
}

export const commands: Group = {
  does: "Run Noukai flows and inspect their results.",
  commands: {
    auth: () => import("./auth.js"),
    batch: {
      does: "Run a flow over a file of rows.",
      commands: {
        plan: () => import("./batch/plan.js"),
        run: () => import("./batch/run.js"),
        status: () => import("./batch/status.js"),
        retry: () => import("./batch/retry.js"),
        results: () => import("./batch/results.js"),
        attempts: () => import("./batch/attempts.js"),
        diff: () => import("./batch/diff.js"),
        pause: () => import("./batch/pause.js"),
        resume: () => import("./batch/pause.js").then(({ resume }) => ({ command: resume })),
        cancel: () => import("./batch/cancel.js")
      }
    },
    cassette: {
      does: "Check and compare recordings.",
      commands: { check: () => import("./cassette/check.js"), diff: () => import("./cassette/diff.js") }
    },
    cost: () => import("./cost.js"),
    dev: () => import("./dev.js"),
    diff: () => import("./diff.js"),
    doctor: () => import("./doctor.js"),
    eval: {
      does: "Compare two versions of a flow on your cases.",
      commands: {
        init: () => import("./eval/init.js"),
        plan: () => import("./eval/plan.js"),
        run: () => import("./eval/run.js"),
        score: () => import("./eval/score.js"),
        report: () => import("./eval/report.js"),
        bless: () => import("./eval/bless.js"),
        runs: () => import("./eval/runs.js")
      }
    },
    job: {
      does: "Submit runs to the queue and wait for them.",
      commands: {
        submit: () => import("./job/submit.js"),
        status: () => import("./job/status.js"),
        wait: () => import("./job/wait.js"),
        result: () => import("./job/result.js")
      }
    },
    mcp: () => import("./mcp.js"),
    reconcile: () => import("./reconcile.js"),
    run: () => import("./run.js"),
    runs: () => import("./runs.js"),
    session: {
      does: "Show and save the runs of a session.",
      commands: { save: () => import("./session/save.js"), show: () => import("./session/show.js") }
    },
    studio: () => import("./studio/studio.js"),
    trace: () => import("./trace.js"),
    types: () => import("./types.js"),
    watch: () => import("./watch.js"),
    webhooks: {
      does: "Check deliveries of webhooks.",
      commands: { verify: () => import("./webhooks/verify.js") }
    }
  }
}

/**
 * Loads the command at the beginning of `args`, which are checked, and returns it with the arguments after its name.
 */
export const called = async (
  args: ReadonlyArray<string>
): Promise<{ readonly command: Leaf; readonly args: ReadonlyArray<string> }> => {
  let at: Load | Group | undefined = commands
  let depth = 0
  while (typeof at === "object") at = at.commands[args[depth++] ?? ""]
  if (at === undefined) throw new Error(`no command: ${args.slice(0, depth).join(" ")}`)
  return { ...await at(), args: args.slice(depth) }
}
