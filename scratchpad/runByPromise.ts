import { gradeByPromise } from "./promises.js"

gradeByPromise().then(console.log)
