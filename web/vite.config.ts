import {existsSync, readdirSync, readFileSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import {gzipSync} from "node:zlib";

import preact from "@preact/preset-vite";
import {defineConfig} from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const service = process.env["LOOKALIKE_SERVICE"] ?? "http://127.0.0.1:8080";

// The search page, and the page on which `lookalike parity` has a browser embed pictures.
const pages = {index: here("page/index.html"), parity: here("page/parity.html")};

const built = here("../src/lookalike/service/page");

/** Puts a gzipped file beside each that is worth it, so that the service need not pack it at each request. */
const packed = {
  name: "packed",
  apply: "build" as const,
  closeBundle(): void {
    const assets = join(built, "assets");
    for (const name of readdirSync(assets).filter((one) => /\.(js|mjs|css|wasm)$/.test(one))) {
      const content = readFileSync(join(assets, name));
      if (content.length > 1024) writeFileSync(join(assets, `${name}.gz`), gzipSync(content, {level: 9}));
    }
  },
};

export default defineConfig({
  root: here("page"),
  base: "/",
  plugins: [preact(), packed],
  // The client's sources, not what its package.json names, which is made when it is packed.
  resolve: {alias: [{find: /^(\.\.\/)+client$/, replacement: here("client/index.ts")}], conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"]},
  worker: {format: "es"},
  build: {
    outDir: built,
    emptyOutDir: true,
    target: "es2023",
    // What is inlined as data: would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    rolldownOptions: {input: Object.fromEntries(Object.entries(pages).filter(([, path]) => existsSync(path)))},
  },
  server: {host: "127.0.0.1", proxy: {"/v1": {target: service, ws: true}}},
  test: {root: here("."), include: ["tests/**/*.test.ts", "tests/**/*.test.tsx", "page/tests/**/*.test.ts"], environment: "node"},
});
