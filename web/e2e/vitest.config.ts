import {defineConfig} from "vitest/config";

/** The page in a real browser, against a service that runs at LOOKALIKE_URL. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["*.e2e.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    retry: 1, // a browser on a busy machine; what fails twice is a fault, and what fails once is told at the end
    reporters: ["default", `${import.meta.dirname}/second_tries.ts`],
  },
});
