/** The text that a response has still to send. It has bounds: a page may stop reading. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/** The characters that wait to be sent. */
const most = 16_384

type Taken = Effect.Effect<Option.Option<string>>

/** Text from the program of a run to its response. One reader, one writer. */
export class Outbox {
  private text = ""
  private isEnded = false
  private isLeft = false
  private reader: ((taken: Taken) => void) | undefined
  private writer: ((room: Effect.Effect<void>) => void) | undefined

  /** Whether nothing waits to be sent. */
  get isEmpty(): boolean {
    return this.text === ""
  }

  /** Whether more waits to be sent than should. */
  get isFull(): boolean {
    return this.text.length > most
  }

  /** Whether the page has left. */
  get isGone(): boolean {
    return this.isLeft
  }

  push(text: string): void {
    if (this.isLeft || text === "") return
    this.text += text
    this.wakeReader()
  }

  /** Ends the text. What waits is sent. */
  end(): void {
    this.isEnded = true
    this.wakeReader()
  }

  /** Drops the text of a page that has left, from now on. */
  leave(): void {
    this.isLeft = true
    this.text = ""
    this.end()
    this.wakeWriter()
  }

  /** All text that waits, as soon as there is some; nothing at the end. */
  readonly take: Taken = Effect.async((resume) => {
    this.reader = resume
    this.wakeReader()
    return Effect.sync(() => {
      this.reader = undefined
    })
  })

  /** Waits until the reader has taken enough. */
  readonly room: Effect.Effect<void> = Effect.suspend(() =>
    this.isFull ?
      Effect.async((resume) => {
        this.writer = resume
        return Effect.sync(() => {
          this.writer = undefined
        })
      }) :
      Effect.void
  )

  private wakeReader(): void {
    const { reader, text } = this
    if (reader === undefined || (text === "" && !this.isEnded)) return
    this.reader = undefined
    this.text = ""
    reader(text === "" ? Effect.succeedNone : Effect.succeedSome(text))
    this.wakeWriter()
  }

  private wakeWriter(): void {
    const { writer } = this
    this.writer = undefined
    writer?.(Effect.void)
  }
}
