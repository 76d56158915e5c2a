import {describe, expect, it} from "vitest";

import {Latest, whileWanted} from "../src/search/latest";

const later = <T>(value: T, ms: number) => new Promise<T>((resolve) => setTimeout(resolve, ms, value));
const laterNot = (error: Error, ms: number) => new Promise<never>((_, reject) => setTimeout(reject, ms, error));

describe("of several runs", () => {
  it("only the newest gives anything, however late the others answer", async () => {
    const latest = new Latest();
    const shown: string[] = [];
    const ask = (name: string, ms: number) => whileWanted(later(name, ms), latest.begin()).then((one) => shown.push(one), () => undefined);

    await Promise.all([ask("first", 30), ask("second", 1), ask("third", 10)]);

    expect(shown).toEqual(["third"]);
  });

  it("a late failure of an older one is passed over as stopped", async () => {
    const latest = new Latest();
    const old = whileWanted(laterNot(new Error("too late"), 5), latest.begin());
    latest.begin();

    await expect(old).rejects.toMatchObject({name: "AbortError"});
  });

  it("the newest one's failure is told", async () => {
    await expect(whileWanted(laterNot(new Error("broken"), 1), new Latest().begin())).rejects.toThrow("broken");
  });

  it("none goes on once it was stopped", async () => {
    const latest = new Latest();
    const signal = latest.begin();
    latest.stop();

    expect(signal.aborted).toBe(true);
    expect(latest.signal).toBeNull();
    await expect(whileWanted(later(1, 1), signal)).rejects.toMatchObject({name: "AbortError"});
  });
});
