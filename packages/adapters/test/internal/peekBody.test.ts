import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { peekBody } from "../../src/internal/web/scopedRequest.js"

const here = <A>(f: () => A): A => f()

const collect = async (body: Awaited<ReturnType<typeof peekBody>>): Promise<Array<number>> => {
  if (body.isWhole) return [...body.bytes]
  const all: Array<number> = []
  for (let piece = await body.next(); piece !== undefined; piece = await body.next()) all.push(...piece)
  return all
}

const streamOf = (pieces: ReadonlyArray<Uint8Array<ArrayBuffer>>, isSlow: boolean) => {
  const left = [...pieces]
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: async (controller) => {
      if (isSlow) await new Promise((resolve) => setImmediate(() => setTimeout(resolve)))
      const piece = left.shift()
      if (piece === undefined) controller.close()
      else controller.enqueue(piece)
    }
  }, { highWaterMark: 0 })
}

describe("peekBody", () => {
  it("a body that is there is whole", async () => {
    for (const body of ["", "text", "x".repeat(1_000_000)]) {
      const peeked = await peekBody(new Response(body).body!, here)
      assert.isTrue(peeked.isWhole)
      assert.lengthOf(await collect(peeked), body.length)
    }
  })

  it("however it comes, a body is its bytes", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 })), fc.boolean(), async (pieces, isSlow) => {
        const copies = pieces.map((piece) => new Uint8Array(piece))
        const peeked = await peekBody(streamOf(copies, isSlow), here)
        assert.deepStrictEqual(await collect(peeked), pieces.flatMap((piece) => [...piece]))
      }),
      { numRuns: 50 }
    ))

  it("of one that comes piece by piece no more than one piece is taken", async () => {
    let pulled = 0
    const peeked = await peekBody(
      new ReadableStream({
        pull: (controller) => {
          pulled++
          controller.enqueue(new Uint8Array([pulled]))
        }
      }, { highWaterMark: 0 }),
      here
    )
    assert.isFalse(peeked.isWhole)
    assert.isAtMost(pulled, 2)
  })

  it("what breaks is for who reads it", async () => {
    for (const after of [0, 1]) {
      let pulled = 0
      const peeked = await peekBody(
        new ReadableStream({
          pull: (controller) => {
            if (pulled++ === after) controller.error(new Error("broken"))
            else controller.enqueue(new Uint8Array(1))
          }
        }, { highWaterMark: 0 }),
        here
      )
      assert.isFalse(peeked.isWhole)
      const error = await collect(peeked).catch((error) => error)
      assert.strictEqual(error.message, "broken")
    }
  })
})
