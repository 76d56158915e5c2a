import {existsSync} from "node:fs";
import {fileURLToPath} from "node:url";

import preact from "@preact/preset-vite";
import {defineConfig} from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const service = process.env["LOOKALIKE_SERVICE"] ?? "http://127.0.0.1:8080";

// The search page, and the page on which `lookalike parity` has a browser embed pictures.
const pages = {index: here("page/index.html"), parity: here("page/parity.html")};

export default defineConfig({
  root: here("page"),
  base: "/",
  plugins: [preact()],
  resolve: {conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"]},
  worker: {format: "es"},
  build: {
    outDir: here("../src/lookalike/service/page"),
    emptyOutDir: true,
    target: "es2023",
    // What is inlined as data: would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    rolldownOptions: {input: Object.fromEntries(Object.entries(pages).filter(([, path]) => existsSync(path)))},
  },
  server: {host: "127.0.0.1", proxy: {"/v1": {target: service, ws: true}}},
  test: {root: here("."), include: ["tests/**/*.test.ts", "tests/**/*.test.tsx", "page/tests/**/*.test.ts"], environment: "node"},
});
