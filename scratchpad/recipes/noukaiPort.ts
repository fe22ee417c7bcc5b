import { Noukai } from "@effect-noukai/sdk"
import { Config } from "effect"

/** `NOUKAI_ENV=dev NOUKAI_PORT=8081` finds an emulator on port 8081. What is not named here is read as by `NoukaiLive`. */
export const NoukaiFromEnv = Noukai.layerConfig({
  port: Config.withDefault(Config.port("NOUKAI_PORT"), 8080)
})
