/**
 * Views in both themes and two widths: axe finds nothing, nothing is wider than the page, and a picture is kept in the folder
 * that `STUDIO_PICTURES` names, if it does.
 */
import { mkdir } from "node:fs/promises"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { openPage, rulesOfColour, type RunningStudio, type StudioPage, violations } from "./studioPage.js"

const pictures = process.env.STUDIO_PICTURES

export interface Views {
  readonly [name: string]: {
    readonly path: string
    /** Waits until the view is there. */
    readonly ready: (page: Page) => Promise<unknown>
  }
}

/** Elements that are wider than the page lets them be. */
export const tooWide = (page: Page) =>
  page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll("main, .panel, .run-head, .top, dialog")]
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .flatMap((element) => [
        element,
        // the reason
        ...[...element.querySelectorAll("*")].filter((inner) =>
          inner.getBoundingClientRect().right > element.getBoundingClientRect().right + 1
        ).slice(0, 3)
      ])
      .map((element) => `${element.tagName}.${element.className} ${element.scrollWidth} > ${element.clientWidth}`)
  )

/** Declares the tests of some views. */
export const describeViews = (browser: () => Browser, studio: () => RunningStudio, views: Views): void => {
  for (const width of [1280, 390]) {
    describe(`${width} px`, () => {
      let opened: StudioPage
      beforeAll(async () => {
        if (pictures !== undefined) await mkdir(pictures, { recursive: true })
        opened = await openPage(browser(), studio(), "/runs", {
          reducedMotion: "reduce",
          viewport: { width, height: width === 390 ? 844 : 800 },
          mayFail: true
        })
      })
      afterAll(() => opened[Symbol.asyncDispose]())
      for (const [name, { path, ready }] of Object.entries(views)) {
        it(name, async () => {
          const { page } = opened
          await page.emulateMedia({ colorScheme: "light" })
          await page.goto(studio().origin + path)
          await ready(page)
          for (const [colorScheme, rules] of [["light", undefined], ["dark", rulesOfColour]] as const) {
            await page.emulateMedia({ colorScheme })
            if (pictures !== undefined) {
              await page.screenshot({ path: `${pictures}/${name}-${colorScheme}-${width}.png` })
            }
            assert.deepStrictEqual(await violations(page, rules), [], colorScheme)
          }
          assert.deepStrictEqual(await tooWide(page), [])
        })
      }
    })
  }

  describe("small", () => {
    // 200 % of 1280 by 800 is a page of 640 by 400; two panes begin at 1000
    for (const viewport of [{ width: 360, height: 640 }, { width: 640, height: 400 }, { width: 1000, height: 700 }]) {
      it(`nothing is wider than a page of ${viewport.width} px`, async () => {
        await using opened = await openPage(browser(), studio(), "/runs", { viewport, mayFail: true })
        const { page } = opened
        for (const [name, { path, ready }] of Object.entries(views)) {
          await page.goto(studio().origin + path)
          await ready(page)
          assert.deepStrictEqual(await tooWide(page), [], name)
        }
      })
    }
  })
}
