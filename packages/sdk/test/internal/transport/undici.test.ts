import * as Undici from "../../../src/internal/transport/undici.js"
import { transportSuite } from "./transportSuite.js"

transportSuite({
  name: "undici",
  make: Undici.make({ dispatcher: undefined }),
  reusesAtOnce: true,
  seesSocket: true,
  repeatsPull: true,
  noticesCutOfClosing: true,
  noticesReset: true
})
