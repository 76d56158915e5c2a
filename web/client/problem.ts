import type {Fault, Json, ProblemBody} from "./types";

/** What the service refused, with the `code` that programs go by; `status` 0 where no reply came. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly requestId: string;
  readonly retryAfterS: number | undefined;
  /** What the detail says in numbers and names, by which it can be said in another language. */
  readonly values: {[name: string]: Json};
  readonly errors: Fault[];

  constructor(o: {
    code: string;
    status: number;
    detail: string;
    requestId?: string;
    retryAfterS?: number | undefined;
    values?: {[name: string]: Json} | undefined;
    errors?: Fault[] | undefined;
    cause?: unknown;
  }) {
    super(o.detail, {cause: o.cause});
    this.code = o.code;
    this.status = o.status;
    this.detail = o.detail;
    this.requestId = o.requestId ?? "";
    this.retryAfterS = o.retryAfterS;
    this.values = o.values ?? {};
    this.errors = o.errors ?? [];
  }
}

/** Where no reply came, or only a part of one. */
export function unreachable(error: unknown): Problem {
  const detail = `the service cannot be reached: ${error instanceof Error ? error.message : String(error)}`;
  return new Problem({code: "unreachable", status: 0, detail, cause: error});
}

/** The problem that a reply tells of; also where a proxy answered with something else than a problem document. */
export async function problemOf(response: Response): Promise<Problem> {
  const body = await bodyOf(response);
  return new Problem({
    code: body.code ?? `http_${response.status}`,
    status: response.status,
    detail: body.detail ?? body.title ?? (response.statusText || `the service answered ${response.status}`),
    requestId: body.request_id ?? response.headers.get("X-Request-Id") ?? "",
    retryAfterS: retryAfterS(response.headers.get("Retry-After")),
    values: body.values,
    errors: body.errors,
  });
}

/** Seconds to wait, of a `Retry-After` header in seconds or as a date. */
export function retryAfterS(header: string | null): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

async function bodyOf(response: Response): Promise<Partial<ProblemBody>> {
  if (!/\bjson\b/.test(response.headers.get("Content-Type") ?? "")) return {};
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? (body as Partial<ProblemBody>) : {};
  } catch {
    return {};
  }
}
