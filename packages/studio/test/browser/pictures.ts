/**
 * Views in both themes and two widths: axe finds nothing, nothing is wider than the page, and a picture is kept in the folder
 * that `STUDIO_PICTURES` names.
 */
import { mkdir } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { openPage, type RunningStudio, type StudioPage, violations } from "./studioPage.js"

const pictures = process.env.STUDIO_PICTURES ?? fileURLToPath(new URL("../../build/pictures", import.meta.url))

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
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      describe(`${colorScheme}, ${width} px`, () => {
        let opened: StudioPage
        beforeAll(async () => {
          await mkdir(pictures, { recursive: true })
          opened = await openPage(browser(), studio(), "/runs", {
            colorScheme,
            reducedMotion: "reduce",
            viewport: { width, height: width === 390 ? 844 : 800 },
            mayFail: true
          })
        })
        afterAll(() => opened[Symbol.asyncDispose]())
        for (const [name, { path, ready }] of Object.entries(views)) {
          it(name, async () => {
            const { page } = opened
            await page.goto(studio().origin + path)
            await ready(page)
            await page.screenshot({ path: `${pictures}/${name}-${colorScheme}-${width}.png` })
            assert.deepStrictEqual(await violations(page), [])
            assert.deepStrictEqual(await tooWide(page), [])
          })
        }
      })
    }
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
