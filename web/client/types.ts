/**
 * The wire format, as docs/reference/http.md tells it: field names as they travel.
 *
 * Times are RFC 3339 in UTC, durations milliseconds, sizes bytes.
 */

export type Json = null | boolean | number | string | Json[] | {[name: string]: Json};
export type Metadata = {[name: string]: Json};

export type Scope = "read" | "write" | "admin";

/** Who asks, and the collections that they may see. */
export interface Session {
  name: string;
  kind: string;
  scopes: Scope[];
  collections: string[];
  version: string;
  /** How this service wants pictures: `direct` into storage, with the client's vector, or `classic`, through it. */
  upload_flow: "direct" | "classic";
  limits: {[name: string]: number};
}

export interface Ticket {
  ticket: string;
  protocol: string;
  expires_at: string;
}

/** A page of a list; `next_cursor` is opaque. */
export interface Page<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface IndexFacts {
  engine: string;
  count: number;
  dimension: number;
  recall: number;
  /** The place in the collection's changes up to which it has applied them; to be compared for equality. */
  cursor: string;
}

export interface CollectionFacts {
  name: string;
  images: number;
  model: string;
  dimension: number;
  /** Null in lists, for which it is not opened. */
  index: IndexFacts | null;
  /** Names of them. */
  further_models: string[];
  /** What a filter may ask for, by who asks: built-in fields, then those of the metadata. */
  fields: string[];
  /** The further model by which reranking where unsure looks again; null where there is none. */
  reranker: string | null;
}

/** One that is there and cannot be read, and why. */
export interface UnreadableCollection extends Remark {
  name: string;
  detail: string;
}

/** All that one may see: those that can be searched, and those that cannot be read. */
export interface CollectionListing {
  data: CollectionFacts[];
  unreadable: UnreadableCollection[];
}

export interface ModelCard {
  id: string;
  name: string;
  version: string;
  precision: string;
  dimension: number;
  input_side: number;
  licence: string;
  source: string;
  made: string;
  size_bytes: number;
  url: string;
  /** Names of those that it is a model of. */
  collections: string[];
  role: "main" | "further";
}

/** What is known of a picture. `path` is given to `admin` alone. */
export interface ImageFacts {
  id: string;
  name: string;
  path: string | null;
  url: string;
  thumbnail_url: string;
  width: number;
  height: number;
  format: string;
  size_bytes: number;
  taken_at: string | null;
  camera: string | null;
  metadata: Metadata;
  copies: number;
  provisional: boolean;
}

/** One thing that is said, for those who say it in words of their own; codes and values are told in docs/reference/codes.json. */
export interface Remark {
  code: string;
  values: {[name: string]: Json};
}

/** One place of a body that does not fit. */
export interface Fault extends Remark {
  where: string;
  detail: string;
}

/** A picture found; `similarity` is the cosine, `confidence` the share of random pairs that are less alike. */
export interface Hit extends ImageFacts {
  rank: number;
  similarity: number;
  confidence: number | null;
  group: string[];
  rerank_similarity: number | null;
  reason: string;
  /** The same, coded. */
  reasons: Remark[];
  model: string;
}

export type TimingsMs = {[stage: string]: number};

export interface Reply {
  hits: Hit[];
  plan: string;
  /** The same, coded. */
  plan_steps: Remark[];
  exact: boolean;
  scanned: number;
  total_matching: number;
  timings_ms: TimingsMs;
  model: string;
  cached: boolean;
  /** Whether the first hits stand clear of the rest; null where that is not known. */
  sure: boolean | null;
  /** Whether even the best is farther than the collection's pictures are from their nearest; null where that is not known. */
  nothing_like_it: boolean | null;
  /** How many pictures a filter by date leaves out for having none; null where none asks for a date. */
  without_date: number | null;
  index: IndexFacts;
  has_more: boolean;
  /** Id of the picture that is searched with, where it is in the collection; null where it is not, or not known. */
  query_id: string | null;
  explanation?: string | null;
}

type Scalar = string | number | boolean;
export interface Condition {
  eq?: Scalar;
  ne?: Scalar;
  in?: Scalar[];
  not_in?: Scalar[];
  lt?: Scalar;
  lte?: Scalar;
  gt?: Scalar;
  gte?: Scalar;
  like?: string;
  exists?: boolean;
}
/** `{field: {eq: ...}}`, and one level of `or`. */
export type Filter = {[field: string]: Condition} | {or: {[field: string]: Condition}[]};

/** What became of one item of a batch. */
export interface ItemResult {
  name: string;
  status: "added" | "unchanged" | "removed" | "queued" | "refused" | "not_found";
  id?: string | null;
  job_id?: string | null;
  code?: string | null;
  values?: {[name: string]: Json} | null;
  detail?: string | null;
}

export interface PresignedPut {
  method: string;
  url: string;
  headers: {[name: string]: string};
  expires_at: string;
}

export type UploadState =
  | "waiting"
  | "provisional"
  | "queued"
  | "kept"
  | "replaced"
  | "quarantined"
  | "stored"
  | "failed"
  | "expired";

export interface Upload {
  id: string;
  collection: string;
  state: UploadState;
  name: string;
  size_bytes: number;
  content_type: string;
  sha256: string;
  created_at: string;
  expires_at: string;
  image_id: string | null;
  job_id: string | null;
  /** Cosine distance of the client's vector to the service's. */
  distance: number | null;
  code: string | null;
  detail: string | null;
  put?: PresignedPut | null;
}

/** How a completed upload stands. */
export interface UploadResult {
  id: string;
  state: UploadState;
  image_id: string | null;
  job_id: string | null;
}

export interface Job {
  id: string;
  kind: string;
  collection: string;
  state: "queued" | "running" | "done" | "failed";
  attempts: number;
  postponed: number;
  created_at: string;
  updated_at: string;
  result?: Json;
  code: string | null;
  detail: string | null;
}

/** RFC 9457, with `code`, a stable word for programs. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  /** What the detail says in numbers and names. */
  values: {[name: string]: Json};
  request_id: string;
  errors?: Fault[];
}

// The stream of queries. A query itself is a binary message, see `stream.ts`.

export interface StreamConfigure {
  type: "configure";
  k?: number;
  filter?: Filter;
  recall?: number;
  min_confidence?: number;
  collapse?: "none" | "group";
  model?: string;
}

export interface StreamReady {
  type: "ready";
  model: string;
  dimension: number;
  collection: string;
  max_bytes: number;
}

export interface StreamHits {
  type: "hits";
  seq: number;
  hits: Hit[];
  plan: string;
  plan_steps: Remark[];
  exact: boolean;
  nothing_like_it: boolean | null;
  timings_ms: TimingsMs;
  dropped: number;
}

export interface StreamProblem {
  type: "problem";
  seq: number | null;
  code: string;
  values: {[name: string]: Json};
  detail: string;
}

export type StreamMessage = StreamReady | StreamHits | StreamProblem;

// Events of jobs.

export interface JobEvent {
  type: "event";
  seq: number;
  event: "job.queued" | "job.running" | "job.done" | "job.failed";
  job: Job;
}

export interface EventGap {
  type: "gap";
  seq: number;
}

export type EventMessage = JobEvent | EventGap;
