import {expect, it} from "vitest";

import {keptName} from "../src/upload/file_name";

it.each([
  ["holiday.jpg", "holiday.jpg"],
  ["猫 在 窗边.png", "猫 在 窗边.png"],
  ["../../etc/passwd.png", "passwd.png"],
  ["C:\\photos\\a.jpg", "a.jpg"],
  ["a\u0000b\n.jpg", "ab.jpg"],
  ["gpj.\u202eexe.jpg", "gpj.exe.jpg"],
  ["e\u0301.jpg", "\u00e9.jpg"],
  ["", ""],
])("keeps of the name %j %j", (name, kept) => {
  expect(keptName(name)).toBe(kept);
});

it("shortens a long name and keeps its ending and whole letters", () => {
  const kept = keptName(`${"🐈".repeat(400)}.jpeg`);

  expect([...kept].length).toBe(200);
  expect(kept).toMatch(/^(🐈)+….jpeg$/u);
});
