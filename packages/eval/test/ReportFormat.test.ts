/** Reports of eval runs, of made-up verdicts: the words of a terminal, HTML, XML of JUnit, Markdown and JSON lines. */
import * as BatchSource from "@effect-noukai/batch/BatchSource"
import { Check, ReportFormat } from "@effect-noukai/eval"
import { CaseVerdict, type EvalReport, type Verdict } from "@effect-noukai/eval/EvalReport"
import { parseJson, withDigits } from "@effect-noukai/sdk/kit/plainJson"
import { withoutCommands } from "@effect-noukai/sdk/SafeText"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, FastCheck as fc, Schema, Stream } from "effect"
import { readFile } from "node:fs/promises"
import { validateXML } from "xmllint-wasm"

const hostile = "<script>alert(1)</script> | \u0007 ]]> & \"x\" 'y' \ud800"

const outcomes = {
  pass: { verdict: "pass", reason: "equal", score: 1, expected: 8, actual: 8 },
  fail: { verdict: "fail", reason: "not equal", score: 0, expected: { score: 8 }, actual: { score: 7 } },
  error: { verdict: "error", reason: `the judge failed: ${hostile}` }
} as const

const sidesOf: {
  readonly [K in Verdict]: readonly [baseline: keyof typeof outcomes, candidate: keyof typeof outcomes]
} = {
  pass: ["pass", "pass"],
  fail: ["fail", "fail"],
  regressed: ["pass", "fail"],
  fixed: ["fail", "pass"],
  error: ["pass", "error"],
  "not comparable": ["pass", "pass"]
}

const caseOf = (no: number, verdict: Verdict, hasBaseline = true): CaseVerdict => {
  const [before, after] = sidesOf[verdict]
  const trial = (side: keyof typeof outcomes, version: string) => [
    {
      trial: 1,
      state: "done",
      result: { said: `the ${version} says ${hostile}` },
      executionId: `${version}-${no}`,
      costUsd: "0.01",
      attemptsCostUsd: "0.01",
      durationMs: 1500,
      outcomes: { score: outcomes[side], polite: outcomes.pass }
    } as const
  ]
  return {
    no,
    key: `case ${no}${no === 2 ? ` ${hostile}` : ""}`,
    at: `cases.jsonl:${no}`,
    hash: "0f3c",
    input: no === 4 ? { message: "say 4", parameters: { n: 4 } } : { message: `say ${no}\nand more` },
    verdict,
    checks: {
      score: { verdict, candidate: outcomes[after], ...hasBaseline && { baseline: outcomes[before] } },
      polite: { verdict: "pass", candidate: outcomes.pass, ...hasBaseline && { baseline: outcomes.pass } }
    },
    candidate: trial(after, "draft"),
    ...hasBaseline && { baseline: trial(before, "production") }
  }
}

const given: ReadonlyArray<Verdict> = ["pass", "fail", "regressed", "fixed", "error", "not comparable", "pass"]

const cases = given.map((verdict, index) => caseOf(index + 1, verdict))

const countsOf = (some: ReadonlyArray<Verdict>) => {
  const counts = { pass: 0, fail: 0, regressed: 0, fixed: 0, error: 0, "not comparable": 0 }
  for (const one of some) counts[one]++
  return counts
}

const rate = { passed: 3, of: 5, rate: 0.6, interval: [0.231, 0.882] } as const

const report: EvalReport = {
  eval: "spelling",
  run: "run-1",
  startedAt: 1793530800000,
  candidate: { flow: "acme/spelling/grade-3", version: "draft" },
  baseline: { flow: "acme/spelling/grade-3", version: "production" },
  repeat: 1,
  hashes: { parameters: "", checks: {} },
  cases: 7,
  overall: { verdicts: countsOf(given), candidate: rate, baseline: rate, p: 1 },
  checks: {
    score: { verdicts: countsOf(given), candidate: rate, baseline: rate, p: 1, score: 0.5, baselineScore: 0.75 },
    polite: { verdicts: countsOf(given.map(() => "pass")), candidate: rate, baseline: rate, p: 0.0001 }
  },
  cost: {
    candidate: { runs: 7, usd: "0.07", unknown: 0 },
    baseline: { runs: 7, usd: "0.06", unknown: 1 },
    judges: { runs: 14, usd: "0.0014", unknown: 0 }
  },
  time: { cases: 7, medianMs: 120, interval: [-1500, 300] },
  stale: [],
  broken: [{ threshold: "maxRegressed", message: "1 case regressed; 0 are allowed" }],
  errors: 1,
  gate: "failed",
  verdict: "no difference",
  sentence: "no difference that 7 cases could show: 1 regressed, 1 fixed (p = 1)"
}

const { baseline: _, ...alone } = report

/** A text as a report shows it. */
const clean = (text: string): string => withoutCommands(text.replace(/\s+/g, " ").replace(/\p{Cc}/gu, "\ufffd"))

const written = (format: ReportFormat.ReportFormat, of = report, some: Iterable<CaseVerdict> = cases) =>
  Effect.runPromise(Stream.mkString(format(of, Stream.fromIterable(some))))

describe("ReportFormat.text", () => {
  it("counts the runs of both sides if one has more, such as a baseline with more trials", async () => {
    const { baseline, ...others } = report.cost
    const of = { ...report, cost: { ...others, baseline: { ...baseline!, runs: 21 } } }
    assert.include(
      await written(ReportFormat.text, of),
      "\ncost        draft $0.07 in 7 runs, production at least $0.06 in 21 runs (1 run\n" +
        "            unknown), judges $0.0014\n"
    )
  })

  it("shows the checks, the cost, and the cases that did not pass, regressions first", async () => {
    assert.strictEqual(
      (await written(ReportFormat.text)).replaceAll(hostile.replace("\u0007", "\ufffd"), "HOSTILE"),
      `spelling: draft against production of acme/spelling/grade-3, 7 cases

check              draft    production  regressed  fixed        p  errors
score       60 % (23–88)  60 % (23–88)          1      1    1.000       1
polite      60 % (23–88)  60 % (23–88)          0      0  < 0.001       0
all checks  60 % (23–88)  60 % (23–88)          1      1    1.000       1

cost        draft $0.07, production at least $0.06 (1 run unknown), judges
            $0.0014
time        120 ms more (median of 7 cases; 95 %: -1.5 s to 300 ms)
chance      of 2 checks without a difference, one or more has p < 0.05 in up to
            9.8 % of runs
errors      1 verdict is neither a pass nor a fail
broken      1 case regressed; 0 are allowed
mean score  score 0.50, was 0.75

regressed (1)
  case 3
    input: say 3
    score: not equal
    score: $.score: expected 8, got 7

error (1)
  case 5
    input: say 5
    score: the judge failed: HOSTILE

fail (1)
  case 2 HOSTILE
    input: say 2
    score: not equal
    score: $.score: expected 8, got 7

fixed (1)
  case 4
    input: {"message":"say 4","parameters":{"n":4}}
    score: production: not equal
    score: production: $.score: expected 8, got 7

not comparable (1)
  case 6
    input: say 6
    score: equal

failed: no difference that 7 cases could show: 1 regressed, 1 fixed (p = 1)
`
    )
  })

  it("shows the weighted mean that decides, in place of the checks", async () => {
    const outcome = (verdict: "pass" | "fail", score: number) => ({ verdict, reason: `the mean is ${score}`, score })
    const meanOf = (no: number, verdict: "pass" | "regressed", score: number): CaseVerdict => ({
      ...caseOf(no, "regressed"),
      verdict,
      mean: {
        verdict,
        candidate: outcome(verdict === "pass" ? "pass" : "fail", score),
        baseline: outcome("pass", 0.9)
      }
    })
    const all = [meanOf(1, "pass", 0.8), meanOf(2, "regressed", 0.25)]
    const { checks, overall } = report
    const byMean: EvalReport = {
      ...report,
      hashes: { ...report.hashes, mean: "m1" },
      checks: {
        score: { ...checks.score!, verdicts: countsOf(["regressed", "regressed"]) },
        polite: { ...checks.polite!, verdicts: countsOf(["pass", "pass"]) }
      },
      overall: { ...overall, score: 0.525, verdicts: countsOf(["pass", "regressed"]) }
    }
    const text = await written(ReportFormat.text, byMean, all)
    assert.match(text, /^weighted mean +60 %/m)
    assert.match(text, /^regressed \(1\)$/m)
    assert.include(text, "    weighted mean: the mean is 0.25")
    const xml = await written(ReportFormat.junit, byMean, all)
    assert.include(xml, "tests=\"6\" failures=\"1\" errors=\"0\"")
    assert.strictEqual(xml.split("<failure").length, 2)
    assert.match(xml, /classname="spelling\.weighted mean" name="case 2[^>]*><failure type="regressed"/)
    const rows = (await written(ReportFormat.csv, byMean, all)).split("\r\n")
    assert.include(rows[0]!, "verdict,weighted mean,score,")
    assert.include(rows[1]!, "pass,0.8,regressed")
  })

  it("leaves the place of a check empty that did not judge a case", async () => {
    const { polite } = caseOf(1, "pass").checks
    const one: CaseVerdict = { ...caseOf(1, "pass"), checks: { polite: polite! } }
    const [title = "", row = ""] = (await written(ReportFormat.csv, report, [one])).split("\r\n")
    assert.include(title, "verdict,score,score: reasons,polite,polite: reasons")
    assert.include(row, "pass,,,pass,equal")
    const tests = (await written(ReportFormat.junit, report, [one])).split("<testcase")
    assert.deepStrictEqual([tests.length, tests[1]?.includes("spelling.polite")], [2, true])
    const html = await written(ReportFormat.html, report, [one])
    assert.match(html.slice(html.lastIndexOf("<tbody")), /pass<\/td>\s*<td[^>]*><\/td>\s*<td[^>]*>pass<\/td>/)
  })

  it("shows the reason of each check, and the differences of values that have parts", async () => {
    const lines = async (check: Check.Check, result: unknown) => {
      const run = {
        key: "a",
        flow: "a/b/c",
        version: "draft",
        trial: 1,
        state: "done",
        result,
        costUsd: "0.5"
      } as const
      const candidate = (await Effect.runPromise(check.verdict({}, run)))!
      const one: CaseVerdict = { ...caseOf(1, "fail", false), checks: { it: { verdict: "fail", candidate } } }
      return (await written(ReportFormat.text, alone, [one])).split("\n").filter((line) => line.startsWith("    it: "))
        .map((line) => line.slice(8))
    }
    assert.deepStrictEqual(await lines(Check.schema(Schema.Struct({ said: Schema.Number })), { said: "a" }), [
      "at said: expected a number, got \"a\""
    ])
    assert.deepStrictEqual(await lines(Check.matches(/^b/, { at: "said" }), { said: "a" }), [
      "said: \"a\" does not match /^b/"
    ])
    assert.deepStrictEqual(await lines(Check.contains("b"), ["a"]), ["[\"a\"] does not contain \"b\""])
    assert.deepStrictEqual(await lines(Check.near(1, { within: 0.5 }), 2), ["got 2, expected 1 within 0.5"])
    assert.deepStrictEqual(await lines(Check.maxCostUsd("0.25"), {}), ["costs 0.5 USD, allowed are 0.25"])
    assert.deepStrictEqual(await lines(Check.equals("b"), "a"), ["got \"a\", expected \"b\""])
    assert.deepStrictEqual(await lines(Check.equals({ a: { b: 1 }, c: 2 }), { a: { b: 3 }, c: 2 }), [
      "got {\"a\":{\"b\":3},\"c\":2}, expected {\"a\":{\"b\":1},\"c\":2}",
      "$.a.b: expected 1, got 3"
    ])
    assert.deepStrictEqual(await lines(Check.equals(() => ({ a: 1n })), { a: 2n }), [
      "got {\"a\":\"2n\"}, expected {\"a\":\"1n\"}",
      "$.a: expected \"1\", got \"2\""
    ])
  })

  it("gives the reason of the baseline if its verdict is the error", async () => {
    const one = caseOf(1, "error")
    const checks = {
      score: { verdict: "error", candidate: outcomes.pass, baseline: { verdict: "error", reason: "lost" } }
    } as const
    const told = (format: ReportFormat.ReportFormat) => written(format, report, [{ ...one, checks }])
    assert.include(await told(ReportFormat.text), "\n    score: production: lost\n")
    assert.include(
      await told(ReportFormat.junit),
      "<error type=\"error\" message=\"production: lost\">production: lost\ncase cases.jsonl:1\nrun draft-1\nbaseline run production-1</error>"
    )
    assert.include(await told(ReportFormat.markdown), "score: production: lost")
    assert.include(await told(ReportFormat.html), "score: production: lost")
  })

  it("lists a case with a regressed check first, also if another check fails on both sides", async () => {
    const { checks, ...rest } = caseOf(30, "fail")
    const polite = { verdict: "regressed", candidate: outcomes.fail, baseline: outcomes.pass } as const
    const buried = { ...rest, checks: { ...checks, polite } }
    const many = [...Array.from({ length: 29 }, (_, index) => caseOf(index + 1, "fail")), buried]
    const text = await written(ReportFormat.text, report, many)
    assert.include(text, "\nregressed (1)\n  case 30\n    input: say 30\n    score (fail): not equal")
    assert.include(text, "\nfail (29)\n")
    assert.include(await written(ReportFormat.markdown, report, many), "| case 30 | say 30 | regressed |")
    const page = await written(ReportFormat.html, report, many)
    assert.strictEqual(page.split("<details open").length - 1, 1)
    assert.strictEqual(page.split("<td data-sort=\"0\">regressed</td>").length - 1, 2)
    assert.notInclude(page, "<td data-sort=\"0\">fail</td>")
  })

  it("shows the adjusted p beside the raw one", async () => {
    const of = { ...report, overall: { ...report.overall, adjustedP: 1 } }
    const text = await written(ReportFormat.text, of)
    assert.include(text, "\nadjusted p  all checks 1.000\n")
    assert.include(text.replace(/\s+/g, " "), "in at most 5 % of runs, by adjusted p (Holm)")
    assert.include(await written(ReportFormat.markdown, of), "| p | adjusted p | errors |")
  })

  it("fits 80 columns and loses nothing, whatever the names and the reasons are", async () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 120 }), { minLength: 1, maxLength: 4 })
    const text = words.map((some) => some.join(" "))
    await fc.assert(
      fc.asyncProperty(text, text, text, fc.boolean(), async (name, key, reason, isLong) => {
        const check = `x${name}`
        const candidate = { ...report.candidate, version: isLong ? "12345678901234567" : "draft" }
        const [one] = cases.filter(({ verdict }) => verdict === "regressed")
        const failed = { ...one!.checks["score"]!, candidate: { verdict: "fail", reason } as const }
        const lines = (await written(
          ReportFormat.text,
          {
            ...report,
            eval: `x${name}`,
            candidate,
            checks: { [check]: report.checks["score"]!, polite: report.overall }
          },
          [{ ...one!, key: `x${key}`, checks: { [check]: failed } }]
        )).split("\n")
        assert.deepStrictEqual(lines.filter((line) => [...line].length > 80), [])
        const all = lines.join("").replace(/\s/g, "")
        for (const part of [check, `x${key}`, `${check}: ${reason}`]) {
          assert.include(all, clean(part).replace(/\s/g, ""))
        }
      }),
      { numRuns: 100 }
    )
  })

  it("lists 20 cases of each verdict", async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => caseOf(index + 1, "regressed"))
    const lines = (await written(ReportFormat.text, report, many)).split("\n")
    assert.include(lines, "regressed (1000)")
    assert.include(lines, "  and 980 more")
    assert.isBelow(lines.length, 110)
  })

  it("names the flows of both sides if they differ, and has no columns of a missing baseline", async () => {
    const others = {
      ...report,
      baseline: { flow: "acme/spelling/other", version: "3", stored: "spelling.baseline.json" }
    }
    assert.match(
      await written(ReportFormat.text, others),
      /acme\/spelling\/grade-3 draft against acme\/spelling\/other 3 \(stored\)/
    )
    const first = (await written(ReportFormat.text, alone, [])).split("\n")
    assert.strictEqual(first[0], "spelling: draft of acme/spelling/grade-3, 7 cases")
    assert.notInclude(first[2], "regressed")
  })
})

describe("ReportFormat.junit", () => {
  const tags = (xml: string, tag: string) => xml.split(`<${tag}`).length - 1

  it("is valid by the schema of Jenkins, and counts what it holds", async () => {
    const schema = await readFile(new URL("fixtures/junit/jenkins-junit.xsd", import.meta.url), "utf8")
    for (
      const [of, some] of [[report, cases], [alone, given.map((one, no) => caseOf(no, one, false))], [
        report,
        []
      ]] as const
    ) {
      const xml = await written(ReportFormat.junit, of, some)
      const { errors, valid } = await validateXML({ xml: [{ fileName: "junit.xml", contents: xml }], schema: [schema] })
      assert.isTrue(valid, errors.map(({ message }) => message).join("\n"))
    }
    const xml = await written(ReportFormat.junit)
    const [, attributes] = /<testsuite (.*)>/.exec(xml)!
    assert.strictEqual(
      attributes,
      "name=\"spelling\" tests=\"14\" failures=\"1\" errors=\"1\" skipped=\"2\" timestamp=\"2026-11-01T11:00:00\""
    )
    assert.deepStrictEqual(["testcase", "failure", "error", "skipped"].map((tag) => tags(xml, `${tag}`)), [14, 1, 1, 2])
    assert.include(xml, "message=\"not equal\">not equal\n$.score: expected 8, got 7\n")
    assert.include(await written(ReportFormat.junit, alone, [caseOf(1, "fail", false)]), "<failure type=\"fail\"")
  })
})

describe("ReportFormat.html", () => {
  it("shows both outputs of every case, escaped, and opens sorted by verdict", async () => {
    const page = await written(ReportFormat.html)
    assert.strictEqual(page.split("<figcaption>").length - 1, 21)
    assert.include(page, "<figcaption>production, production-3, $0.01</figcaption>")
    assert.include(page, "data-sort-by=\"2\"")
    assert.include(page, "<td data-sort=\"0\">regressed</td>")
    assert.include(page, "The <del>production</del>".toLowerCase())
    assert.strictEqual(page.split("<script>").length, 2)
    assert.notInclude(page, "\u0007")
  })
})

describe("the input of a case", () => {
  it("is cut after keys are masked, in one line of the width", async () => {
    const key = "nk_live_0123456789abcdefghijklmnop"
    for (const before of [1, 50, 60, 68, 90, 180, 195]) {
      const one = { ...caseOf(1, "fail"), input: { message: `${"é".repeat(before)} ${key} ${"🎉".repeat(300)}` } }
      for (const format of [ReportFormat.text, ReportFormat.markdown, ReportFormat.html]) {
        const text = await written(format, report, [one])
        assert.notMatch(text, /nk_live|0123456|\p{Surrogate}/u)
      }
      const line = (await written(ReportFormat.text, report, [one])).split("\n").find((line) =>
        line.includes("input: é")
      )!
      assert.isAtMost([...line].length, 80)
      assert.match(line, /…$/)
    }
  })

  it("is in the row and whole in the detail of HTML", async () => {
    const page = await written(ReportFormat.html)
    assert.include(page, "<td class=\"cut\">say 3</td>")
    assert.include(page, "<figcaption>input of case 3, cases.jsonl:3</figcaption><pre>say 3\nand more</pre>")
  })

  it("reads odd inputs: a bigint, a list, nothing", async () => {
    for (const input of [{ n: 1n }, { messages: [] }, {}, { message: "" }]) {
      for (const format of ["text", "markdown", "junit", "html", "jsonLines", "csv"] as const) {
        assert.include(await written(ReportFormat[format], report, [{ ...caseOf(1, "fail"), input }]), "case 1")
      }
    }
  })
})

describe("the filters of HTML", () => {
  const filtersOf = async (some: Iterable<CaseVerdict>) =>
    (await written(ReportFormat.html, report, some)).split("<tbody").slice(1).filter((body) => body.includes("say "))
      .map(
        (body) => [/data-filters="([^"]*)"/.exec(body)?.[1], body.includes("folded")]
      )

  it("show regressed, failed and changed cases, and those with errors", async () => {
    assert.deepStrictEqual(
      await filtersOf(given.map((verdict, index) => ({ ...caseOf(index + 1, verdict), baseline: [] }))),
      [
        [undefined, true],
        ["1", false],
        ["0 1 3", false],
        ["3", false],
        ["2", false],
        [undefined, false],
        [undefined, true]
      ]
    )
    const page = await written(ReportFormat.html)
    assert.include(
      page,
      " data-filters=\"[&quot;regressed&quot;,&quot;failed&quot;,&quot;errors&quot;,&quot;changed&quot;]\""
    )
  })

  it("show passing cases whose outputs differ as changed, not by the order of keys", async () => {
    const pass = caseOf(1, "pass")
    const saying = (before: unknown, after: unknown): CaseVerdict => ({
      ...pass,
      candidate: [{ ...pass.candidate[0]!, result: after }],
      baseline: [{ ...pass.baseline![0]!, result: before }]
    })
    assert.deepStrictEqual(
      await filtersOf([
        saying({ a: 1, b: 2 }, { b: 2, a: 1 }),
        saying("a", "b"),
        saying(
          parseJson("[12345678901234567890]"),
          parseJson("[12345678901234567891]")
        )
      ]),
      [[undefined, true], ["3", true], ["3", true]]
    )
  })
})

describe("ReportFormat.markdown", () => {
  it("is a table with escaped texts, in bounds", async () => {
    const many = Array.from({ length: 200 }, (_, index) => caseOf(index + 1, "regressed"))
    const text = await written(ReportFormat.markdown, report, many)
    assert.match(text, /^## ❌ spelling: draft against production/)
    assert.include(text, "150 more: regressed")
    assert.include(text, "| case 2 &lt;script&gt;alert(1)&lt;/script&gt; \\| ")
    assert.isBelow(text.split("\n").length, 80)
  })
})

describe("the text of a server", () => {
  const commands = ["::error file=a::b", "##[set-output name=a]b", "##[add-mask]b", "##vso[task.setvariable]b"]
  const key = "n" + "k_live_abcdefgh_0123456789abcdefghij"
  const keys = [key, `token${key}`, "gh" + `p_${"a1".repeat(18)}`, "AK" + "IA" + "A1".repeat(8)]
  const long = `${"x".repeat(60)} ${keys[2]}`

  const saying = (text: string) => {
    const outcome = { verdict: "fail", reason: text, expected: { said: "b" }, actual: { said: text } } as const
    const [trial] = caseOf(1, "fail").candidate
    const one: CaseVerdict = {
      ...caseOf(1, "regressed"),
      key: text,
      checks: { score: { verdict: "regressed", candidate: outcome, baseline: outcomes.pass } },
      input: { message: text, parameters: { [text]: text } },
      candidate: [{ ...trial!, result: { said: text } }]
    }
    return (format: ReportFormat.ReportFormat) => written(format, { ...report, sentence: text }, [one])
  }

  it("is no command to a server of CI, and turns no text around", async () => {
    for (const command of [...commands, "\r::error::a", "\u202e::error::a", "a\u2066b\u200f"]) {
      for (const format of [ReportFormat.text, ReportFormat.markdown, ReportFormat.jsonLines]) {
        const text = await saying(command)(format)
        assert.notMatch(text, /^\s*::/m)
        assert.notMatch(text, /##\[|##vso\[|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/)
      }
    }
    const lines = await saying(commands.join(" "))(ReportFormat.jsonLines)
    assert.strictEqual(JSON.parse(lines).key, commands.join(" "))
  })

  it("has no keys in any format", async () => {
    for (const secret of [...keys, long]) {
      for (const format of ["text", "markdown", "junit", "html", "jsonLines"] as const) {
        const text = await saying(secret)(ReportFormat[format])
        for (const part of keys) assert.notInclude(text.replaceAll("\\", ""), part.slice(0, 24), format)
      }
    }
  })

  it("notifies nobody and links nothing in Markdown", async () => {
    const text = await saying("@octocat #123 GH-7 o/r#1 https://a.example/1 www.example.com me@example.com !4")(
      ReportFormat.markdown
    )
    assert.notMatch(text, /@\w|#\d|GH-\d|:\/\/|www\.|!\d/)
    assert.include(text, "@\u200boctocat")
  })
})

describe("ReportFormat.jsonLines", () => {
  it("has each case as its schema decodes it", async () => {
    const lines = (await written(ReportFormat.jsonLines)).trimEnd().split("\n")
    assert.deepStrictEqual(lines.map((line) => Schema.decodeSync(Schema.parseJson(CaseVerdict))(line)), cases)
  })

  it("writes a bigint as text", async () => {
    const [candidate] = caseOf(1, "pass").candidate
    const one = { ...caseOf(1, "pass"), candidate: [{ ...candidate!, result: { count: 12n } }] }
    assert.include(await written(ReportFormat.jsonLines, report, [one]), "\"result\":{\"count\":\"12\"}")
    assert.include(await written(ReportFormat.html, report, [one]), "12")
  })
})

describe("ReportFormat.csv", () => {
  /** The rows as a reader of CSV gives them. */
  const readOf = (text: string) =>
    Effect.runPromise(
      BatchSource.fromCsvBytes(Stream.make(new TextEncoder().encode(text)), "report").rows.pipe(
        Stream.runCollect,
        Effect.map((rows) => Chunk.toReadonlyArray(rows).map((row) => "value" in row ? row.value : row))
      )
    )

  it("has a row for each case, with the checks and both sides", async () => {
    const rows = await readOf(await written(ReportFormat.csv))
    assert.strictEqual(rows.length, cases.length)
    const said = (version: string) => JSON.stringify({ said: `the ${version} says ${hostile}` })
    assert.deepStrictEqual(rows[2], {
      no: "3",
      case: "case 3",
      at: "cases.jsonl:3",
      input: "say 3\nand more",
      verdict: "regressed",
      score: "regressed",
      "score: reasons": "not equal\n$.score: expected 8, got 7",
      polite: "pass",
      "polite: reasons": "equal",
      candidate: said("draft"),
      "candidate runs": "draft-3",
      baseline: said("production"),
      "baseline runs": "production-3"
    })
  })

  it("has no formulas, no keys, all trials and all digits", async () => {
    const one = caseOf(1, "pass")
    const [trial] = one.candidate
    const key = "nk_live_0123456789abcdefghijklmnop"
    const [row] = await readOf(
      await written(ReportFormat.csv, alone, [{
        ...one,
        key: "=1+1",
        candidate: [
          { ...trial!, result: "@sum" },
          { ...trial!, trial: 2, result: { id: 12345678901234567890n, key } },
          { ...trial!, trial: 3, state: "failed", error: { kind: "X", message: "lost" } }
        ]
      }])
    )
    assert.deepInclude(row, { case: "'=1+1", "candidate runs": "draft-1 draft-1 draft-1" })
    assert.deepInclude(row, { candidate: `["@sum",{"id":"12345678901234567890","key":"[redacted]"},"lost"]` })
  })
})

describe("numbers that JavaScript cannot hold", () => {
  const [big, other] = ["12345678901234567890", "12345678901234567891"]
  const valueOf = (id: string) => parseJson(`{"id":${id},"of":[-0,{"deep":${id}}]}`)
  const trial = (result: unknown, digits?: unknown) =>
    withDigits({ ...caseOf(3, "fail").candidate[0]!, result }, digits)
  const base = caseOf(3, "fail")
  const fail = {
    verdict: "fail",
    reason: "not equal",
    score: 0,
    expected: valueOf(big),
    actual: valueOf(other)
  } as const
  const one: CaseVerdict = {
    ...base,
    checks: { score: { verdict: "fail", candidate: fail } },
    input: { parameters: valueOf(big) },
    candidate: [trial(valueOf(big)), trial(Number(other), { result: other })]
  }

  it("are in every report with their digits", async () => {
    const { csv, jsonLines, html, markdown, text } = ReportFormat
    const [cells, lines, page, table, terminal] = await Promise.all(
      [csv, jsonLines, html, markdown, text].map((format) => written(format, { ...report, repeat: 2 }, [one]))
    ) as [string, string, string, string, string]
    assert.include(cells.replaceAll("\"\"", "\""), `[{"id":${big},"of":[-0,{"deep":${big}}]},"${other}"]`)
    const alone = await written(csv, report, [{ ...one, candidate: [one.candidate[1]!] }])
    assert.include(alone, `,${other},`)
    assert.include(lines, `"result":{"id":${big},"of":[-0,{"deep":${big}}]}`)
    assert.include(cells.replaceAll("\"\"", "\""), `,"{"parameters":{"id":${big},"of":[-0,{"deep":${big}}]}}",`)
    assert.include(lines, `"input":{"parameters":{"id":${big},`)
    assert.include(lines, `"result":${other}`)
    assert.include(lines, `"actual":{"id":${other},"of":[-0,{"deep":${other}}]}`)
    assert.include(page, big)
    assert.include(page, `<pre>${other}</pre>`)
    for (const shown of [table, terminal]) {
      assert.include(shown.replaceAll("\\", ""), `$.id: expected ${big}, got ${other}`)
    }
  })
})
