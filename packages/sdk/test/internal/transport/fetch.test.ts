import * as Fetch from "../../../src/internal/transport/fetch.js"
import { transportSuite } from "./transportSuite.js"

transportSuite({
  name: "fetch",
  make: Fetch.make({ dispatcher: undefined }),
  reusesAtOnce: false,
  seesSocket: false,
  repeatsPull: true,
  noticesCutOfClosing: false,
  noticesReset: false
})
