import {CollectionClient} from "./collection";
import {subscribe} from "./events";
import type {EventOptions, Subscription} from "./events";
import {Sockets} from "./sockets";
import {Transport} from "./transport";
import type {CollectionFacts, CollectionListing, Job, ModelCard, Page, Session} from "./types";

export interface LookalikeOptions {
  /** Of the service, such as `https://pictures.example`; the page's own origin if not said. */
  baseUrl?: string;
  /** Asked before each request: a key, a token, or null. */
  credential?: () => string | null;
  fetch?: typeof fetch;
  webSocket?: typeof WebSocket;
}

interface Cancel {
  signal?: AbortSignal;
}

/** A service. Every method throws `Problem` where it is refused, and the signal's reason where it is aborted. */
export class Lookalike {
  readonly transport: Transport;
  readonly #sockets: Sockets;

  constructor(o: LookalikeOptions = {}) {
    const baseUrl = (o.baseUrl ?? globalThis.location?.origin ?? "http://127.0.0.1:8080").replace(/\/+$/, "");
    this.transport = new Transport(baseUrl, o);
    this.#sockets = new Sockets(this.transport, o.webSocket);
  }

  session(o: Cancel = {}): Promise<Session> {
    return this.transport.json("GET", "/v1/session", o);
  }

  /** Those that can be searched; `collectionListing` names the others, too. */
  async collections(o: Cancel = {}): Promise<CollectionFacts[]> {
    return (await this.collectionListing(o)).data;
  }

  async collectionListing(o: Cancel = {}): Promise<CollectionListing> {
    const pages = await this.#pages<Page<CollectionFacts> & CollectionListing>("/v1/collections", o);
    return {data: pages.flatMap(({data}) => data), unreadable: pages.flatMap(({unreadable}) => unreadable)};
  }

  async models(o: Cancel = {}): Promise<ModelCard[]> {
    return (await this.#pages<Page<ModelCard>>("/v1/models", o)).flatMap(({data}) => data);
  }

  model(id: string, o: Cancel = {}): Promise<ModelCard> {
    return this.transport.json("GET", `/v1/models/${encodeURIComponent(id)}`, o);
  }

  /** Where the model's file lies; its SHA-256 is the id. */
  modelUrl(id: string): string {
    return this.transport.url(`/v1/models/${encodeURIComponent(id)}/file`);
  }

  collection(name: string): CollectionClient {
    return new CollectionClient(name, this.transport, this.#sockets);
  }

  job(id: string, o: Cancel = {}): Promise<Job> {
    return this.transport.json("GET", `/v1/jobs/${encodeURIComponent(id)}`, o);
  }

  /** What happens to jobs, without a gap across lost connections as long as the service keeps it. */
  events(o: EventOptions): Subscription {
    return subscribe(this.#sockets, o);
  }

  async #pages<P extends Page<unknown>>(path: string, o: Cancel): Promise<P[]> {
    const pages: P[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query = {limit: 200, cursor: cursor || undefined};
      const page: P = await this.transport.json("GET", path, {...o, query});
      pages.push(page);
      cursor = page.has_more ? page.next_cursor : null;
    }
    return pages;
  }
}
