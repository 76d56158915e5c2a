/** Tells which tests passed only at a second try, and what the first one said: such a pass hides a race, here or in the page. */

import type {Reporter, TestModule} from "vitest/node";

export default class SecondTries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        if (!test.diagnostic()?.flaky) continue;
        const said = test.result().errors?.[0]?.message ?? "";
        console.log(`Only at a second try: ${module.relativeModuleId} > ${test.fullName}\n  ${said.split("\n").slice(0, 5).join("\n  ")}`);
      }
    }
  }
}
