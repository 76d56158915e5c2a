import {searchBody} from "./query";
import type {Query, SearchOptions} from "./query";
import type {Sockets} from "./sockets";
import {SearchStream} from "./stream";
import type {StreamOptions} from "./stream";
import type {Call, Transport} from "./transport";
import type {CollectionFacts, Filter, ImageFacts, ItemResult, Metadata, Page, Reply, Upload, UploadResult} from "./types";
import {upload} from "./upload";
import type {UploadOptions} from "./upload";

export type {UploadOptions} from "./upload";

interface Cancel {
  signal?: AbortSignal;
}

export interface ImagesOptions extends Cancel {
  filter?: Filter;
  cursor?: string;
  limit?: number;
  /** Pictures from all over the collection in place of its first. */
  spread?: boolean;
}

export interface AddOptions extends Cancel {
  metadata?: Metadata;
}

/** One collection of a service. */
export class CollectionClient {
  readonly #path: string;

  constructor(
    readonly name: string,
    private readonly transport: Transport,
    private readonly sockets: Sockets,
  ) {
    this.#path = `/v1/collections/${encodeURIComponent(name)}`;
  }

  facts(o: Cancel = {}): Promise<CollectionFacts> {
    return this.transport.json("GET", this.#path, o);
  }

  search(query: Query, o: SearchOptions & Cancel = {}): Promise<Reply> {
    const headers = o.timeoutMs === undefined ? {} : {"X-Timeout-Ms": String(Math.round(o.timeoutMs))};
    const call = {...searchBody(query, o), headers, signal: o.signal};
    return this.transport.json("POST", `${this.#path}/search`, call);
  }

  images(o: ImagesOptions = {}): Promise<Page<ImageFacts>> {
    const query = {filter: o.filter && JSON.stringify(o.filter), cursor: o.cursor, limit: o.limit, spread: o.spread};
    return this.transport.json("GET", `${this.#path}/images`, {query, signal: o.signal});
  }

  image(id: string, o: Cancel = {}): Promise<ImageFacts> {
    return this.transport.json("GET", this.#imagePath(id), o);
  }

  /** Sends pictures through the service itself, which embeds them; a result for each. */
  async add(pictures: Blob[], o: AddOptions = {}): Promise<ItemResult[]> {
    return await this.#results(`${this.#path}/images`, adding(pictures, o));
  }

  /** As `add`, but later: each with the id of the job that does it. */
  async addQueued(pictures: Blob[], o: AddOptions = {}): Promise<ItemResult[]> {
    return await this.#results(`${this.#path}/images`, {...adding(pictures, o), query: {mode: "queued"}});
  }

  async remove(ids: string[], o: Cancel = {}): Promise<ItemResult[]> {
    return await this.#results(`${this.#path}/images/delete`, {json: {ids}, once: true, signal: o.signal});
  }

  /** Sends a picture straight to storage; with a vector it can be found at once. */
  upload(file: Blob, o: UploadOptions = {}): Promise<UploadResult> {
    return upload(this.transport, `${this.#path}/uploads`, file, o);
  }

  /** How an upload stands. */
  uploaded(id: string, o: Cancel = {}): Promise<Upload> {
    return this.transport.json("GET", `${this.#path}/uploads/${encodeURIComponent(id)}`, o);
  }

  stream(o: StreamOptions = {}): SearchStream {
    return new SearchStream(this.sockets, `${this.#path}/stream`, o);
  }

  thumbnailUrl(id: string, side?: number): string {
    return this.transport.url(`${this.#imagePath(id)}/thumbnail`, {side});
  }

  fileUrl(id: string): string {
    return this.transport.url(`${this.#imagePath(id)}/file`);
  }

  /** The thumbnail with the credential that an `<img>` cannot send. */
  thumbnail(id: string, side?: number, o: Cancel = {}): Promise<Blob> {
    return this.transport.blob(`${this.#imagePath(id)}/thumbnail`, {query: {side}, signal: o.signal});
  }

  file(id: string, o: Cancel = {}): Promise<Blob> {
    return this.transport.blob(`${this.#imagePath(id)}/file`, o);
  }

  #imagePath(id: string): string {
    return `${this.#path}/images/${encodeURIComponent(id)}`;
  }

  async #results(path: string, call: Call): Promise<ItemResult[]> {
    return (await this.transport.json<{data: ItemResult[]}>("POST", path, call)).data;
  }
}

function adding(pictures: Blob[], o: AddOptions): Call {
  const form = new FormData();
  for (const picture of pictures) form.append("image", picture);
  if (o.metadata) form.set("metadata", JSON.stringify(o.metadata));
  return {form, once: true, signal: o.signal};
}
