import { defineWorkspace } from "vitest/config"

export default defineWorkspace(["packages/sdk", "packages/promise", "packages/adapters", "packages/emulator"])
