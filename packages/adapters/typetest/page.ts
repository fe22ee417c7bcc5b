/** The wire of a page is that of the AI SDK, and verdicts have types. */
import { flowPage as express } from "@effect-noukai/adapters/express"
import { flowPage as nextPage } from "@effect-noukai/adapters/nextjs"
import type { Chunk, FlowInput, Message, PageRequest } from "@effect-noukai/adapters/Page"
import * as Platform from "@effect-noukai/adapters/platform"
import { flowPage } from "@effect-noukai/adapters/web"
import type { Noukai } from "@effect-noukai/promise"
import type { InvalidRequestError } from "@effect-noukai/sdk/NoukaiError"
import type { NoukaiHttp } from "@effect-noukai/sdk/NoukaiHttp"
import type * as HttpApp from "@effect/platform/HttpApp"
import type { UIMessageChunk as Chunk5 } from "ai5"
import type { UIMessageChunk as Chunk6 } from "ai6"
import type { UIMessageChunk as Chunk7 } from "ai7"
import { Context, Effect, type Scope } from "effect"
import type { Request as ExpressRequest } from "express"
import { expectTypeOf } from "vitest"

expectTypeOf<Chunk>().toExtend<Chunk5>()
expectTypeOf<Chunk>().toExtend<Chunk6>()
expectTypeOf<Chunk>().toExtend<Chunk7>()

interface User {
  readonly id: string
}

declare const client: Noukai
declare const userOf: (request: Request) => Promise<User | false>

const page = flowPage({
  client,
  flow: "acme/support/chat",
  authorize: (request, asked) => {
    expectTypeOf(request).toEqualTypeOf<Request>()
    expectTypeOf(asked).toEqualTypeOf<PageRequest>()
    return userOf(request)
  },
  owner: (user) => {
    expectTypeOf(user).toEqualTypeOf<User>()
    return user.id
  },
  input: (messages, user): FlowInput => {
    expectTypeOf(messages).toEqualTypeOf<ReadonlyArray<Message>>()
    expectTypeOf(user).toEqualTypeOf<User>()
    return { message: "Hi", parameters: { user: user.id } }
  }
})
expectTypeOf(page.POST).toEqualTypeOf<(request: Request) => Promise<Response>>()
expectTypeOf(nextPage).toEqualTypeOf<typeof flowPage>()

// @ts-expect-error authorize has no default
void flowPage({ client, flow: "acme/support/chat", owner: () => "all" })
// @ts-expect-error nor has owner
void flowPage({ client, flow: "acme/support/chat", authorize: () => true })
void flowPage({
  client,
  flow: "acme/support/chat",
  authorize: () => true,
  owner: (caller) => {
    expectTypeOf(caller).toEqualTypeOf<true>()
    return "all"
  }
})
// @ts-expect-error the draft cannot be streamed
void flowPage({ client, flow: "acme/support/chat", authorize: () => true, owner: () => "all", version: "draft" })

void express({
  client,
  flow: "acme/support/chat",
  authorize: (request: ExpressRequest) => request.ip === "127.0.0.1" && { id: "me" },
  owner: ({ id }) => id
})

class Users extends Context.Tag("Users")<Users, { readonly of: (key: string) => Effect.Effect<User | false> }>() {}

const app = Platform.flowPage({
  flow: "acme/support/chat",
  authorize: (request) => Effect.flatMap(Users, (users) => users.of(request.url)),
  owner: (user) => user.id
})
expectTypeOf(app).toEqualTypeOf<
  Effect.Effect<HttpApp.Default<never, Users | Scope.Scope>, InvalidRequestError, NoukaiHttp>
>()
