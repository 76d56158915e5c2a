export {BrowserEmbedder} from "./embedder";
export {hasModelFile} from "./model-file";
export type {OpenOptions} from "./embedder";
export type {Backend, Crop, Embedded, EmbedTimings} from "./types";
