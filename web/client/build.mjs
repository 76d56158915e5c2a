// Makes `dist` of the sources, JavaScript with types, before the package is packed (`npm pack`).
//
// The sources import each other as bundlers do, without an ending; Node.js wants one, and so do types for it.

import {execFileSync} from "node:child_process";
import {readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {fileURLToPath} from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
rmSync(`${here}dist`, {recursive: true, force: true});
execFileSync(process.execPath, [fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url)), "-p", here], {
  stdio: "inherit",
});
for (const name of readdirSync(`${here}dist`)) {
  const file = `${here}dist/${name}`;
  const relative = /(\bfrom |\bimport\(|\bimport )"(\.\/[^".]+)"/g;
  writeFileSync(file, readFileSync(file, "utf8").replace(relative, '$1"$2.js"'));
}
