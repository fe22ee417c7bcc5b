import { Noukai } from "@effect-noukai/promise"

export const noukai = new Noukai() // reads NOUKAI_API_KEY
