export {BrowserEmbedder} from "./embedder";
export type {OpenOptions} from "./embedder";
export type {Backend, Crop, Embedded, EmbedTimings} from "./types";
