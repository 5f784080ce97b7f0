/**
 * What the runner needs of an API server. The real client is in http-client.ts;
 * tests put time and faults behind this interface.
 */
export interface KubeClient {
  /** Sends one request and returns the object that the server answers with. */
  request(request: ApiRequest, signal?: AbortSignal): Promise<any>;
  /**
   * Follows a collection, until the server ends the watch (then it returns),
   * something breaks (then it throws) or the signal is given.
   */
  watch(path: string, query: Query, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void>;
  /** Milliseconds since 1970 by the API server's clock; the node's may be wrong. */
  now(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export type Query = { readonly [key: string]: string | undefined };

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: object;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: any;
}

/** The API server answered, but not with what was asked for. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly retryAfterSeconds?: number) {
    super(message);
  }
}

/** No answer came. */
export class ConnectionError extends Error {}

/** The run was told to end. */
export class TerminatedError extends Error {
  constructor() { super('told to end by SIGTERM'); }
}

const RETRIED_STATUSES = [408, 429, 500, 502, 503, 504];

export function mayPass(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof ApiError && RETRIED_STATUSES.includes(error.status));
}

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;

/** How long to wait before the next try: what the server asks for, else twice as long each time. */
export function pauseBefore(attempt: number, error: unknown): number {
  const backOff = Math.min(FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE);
  const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.max(backOff, Math.min(asked, 60_000));
}

/** How long one request is tried again; an API server that is restarted is back by then. */
const PATIENCE = 180_000;

/**
 * Tries requests again that a busy, restarting or unreachable API server did not
 * answer. Safe for every request of the runner: creations have fixed names,
 * deletions name the uid, patches say the same twice.
 */
export class RetryingClient implements KubeClient {
  constructor(private readonly inner: KubeClient) {}

  async request(request: ApiRequest, signal?: AbortSignal): Promise<any> {
    let end = Infinity;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.inner.request(request, signal);
      } catch (error) {
        const pause = pauseBefore(attempt, error);
        // counted from an answer at the earliest, which may have set a wrong clock right
        end = Math.min(end, this.inner.now() + PATIENCE);
        if (!mayPass(error) || this.inner.now() + pause > end) { throw error; }
        await this.inner.sleep(pause, signal);
      }
    }
  }

  watch(path: string, query: Query, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    return this.inner.watch(path, query, onEvent, signal);
  }

  now(): number { return this.inner.now(); }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> { return this.inner.sleep(milliseconds, signal); }
}

// few enough that a page, which holds much that is not looked at, takes little memory
const PAGE = '100';

/** Reads a collection, a page at a time, each item reduced by `read`; the resource version is what to watch from. */
export async function list<T>(
  client: KubeClient, path: string, query: Query, read: (item: any) => T, signal?: AbortSignal,
): Promise<{ items: T[]; resourceVersion: string }> {
  let items: T[] = [];
  let token: string | undefined;
  for (;;) {
    try {
      const page: any = await client.request({ method: 'GET', path, query: { ...query, limit: PAGE, continue: token } }, signal);
      items.push(...(page.items ?? []).map(read));
      token = page.metadata?.continue || undefined;
      if (!token) { return { items, resourceVersion: page.metadata?.resourceVersion ?? '' }; }
    } catch (error) {
      // the pages that are left belong to a state that the server has forgotten: begin again
      if (!token || !(error instanceof ApiError && error.status === 410)) { throw error; }
      items = [];
      token = undefined;
    }
  }
}

/** An object as the server has it now. The right to get is not needed, since a list of one name finds it as well. */
export async function findOne<T>(
  client: KubeClient, path: string, name: string, read: (item: any) => T, signal?: AbortSignal,
): Promise<T | undefined> {
  const { items: [found] } = await list(client, path, { fieldSelector: `metadata.name=${name}` }, read, signal);
  return found;
}
