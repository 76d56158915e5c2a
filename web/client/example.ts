/** Searches a service by the pictures that are named: `npm run example -- photos cat.jpg`, with a key in `LOOKALIKE_KEY`. */

import {openAsBlob} from "node:fs";

import {Lookalike} from "./index";

const [name = "photos", ...files] = process.argv.slice(2);
const service = new Lookalike({
  baseUrl: process.env["LOOKALIKE_SERVICE"] ?? "http://127.0.0.1:8080",
  credential: () => process.env["LOOKALIKE_KEY"] ?? null,
});
const photos = service.collection(name);
for (const file of files) {
  const {hits} = await photos.search({image: await openAsBlob(file)}, {k: 5});
  for (const hit of hits) console.log(hit.similarity.toFixed(3), hit.name);
}
