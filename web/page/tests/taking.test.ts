import {expect, it} from "vitest";

import {webAddress} from "../src/search/taking";

it.each([
  ["https://pictures.example/a.jpg", "https://pictures.example/a.jpg"],
  ["  Https://Pictures.Example/A.jpg and more", "https://pictures.example/A.jpg"],
  ["http://図.example/猫.jpg", "http://xn--lcs.example/%E7%8C%AB.jpg"],
  ["ftp://pictures.example/a.jpg", null],
  ["https:///a.jpg", null],
  ["data:image/png;base64,AAAA", null],
  ["a cat", null],
  ["", null],
])("the web address in %j is %j", (text, address) => {
  expect(webAddress(text)).toBe(address);
});
