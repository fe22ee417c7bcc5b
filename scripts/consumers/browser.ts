/** A page: it knows where a relay is, and has no key. */
import { createRelayFlow } from "@effect-noukai/promise"

export const main = async (url: string): Promise<string> => {
  const agent = createRelayFlow({ url })
  const done = await agent.execute({ message: "Hi." })
  return done.status
}
