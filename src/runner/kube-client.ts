import { ExecSession } from './exec';

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
  /** Starts a command in a container of a pod; throws if the server refuses, or the pod is not there. */
  exec(request: ExecRequest, signal?: AbortSignal): Promise<ExecSession>;
  /** Milliseconds since 1970 by the API server's clock; the node's may be wrong. */
  now(): number;
  /** Milliseconds on a clock that nobody sets, to measure with: that of the server is known by the second. */
  elapsed(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export type Query = { readonly [key: string]: string | undefined };

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: object;
}

export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  /** the one that the pod calls its default, or its first, if absent */
  readonly container?: string;
  readonly command: readonly string[];
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

/** Whether the API server answered with one of these. */
export const isStatus = (error: unknown, ...statuses: number[]): error is ApiError => error instanceof ApiError && statuses.includes(error.status);

/** No answer came. */
export class ConnectionError extends Error {}

/** The run was told to end. */
export class TerminatedError extends Error {
  constructor() { super('told to end by SIGTERM'); }
}

const RETRIED_STATUSES = [408, 429, 500, 502, 503, 504];

export function mayPass(error: unknown): boolean {
  return error instanceof ConnectionError || isStatus(error, ...RETRIED_STATUSES);
}

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 10_000;

/** How long to wait before the next try: what the server asks for, else twice as long each time. */
export function pauseBefore(attempt: number, error: unknown): number {
  const backOff = Math.min(FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE);
  const asked = error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  return Math.max(backOff, Math.min(asked, 60_000));
}

/** Waits until it is worth another look at what controllers do. */
export const lookAgainLater = (client: KubeClient, attempt: number, signal?: AbortSignal): Promise<void> =>
  client.sleep(Math.min(pauseBefore(attempt, undefined), 2_000), signal);

/** How long one request is tried again; an API server that is restarted is back by then. */
const PATIENCE = 180_000;

/** An API server that has just started refuses everybody until it has read the roles. */
const READS_ROLES_WITHIN = 30_000;
const REFUSED_STATUSES = [401, 403];

/**
 * Tries requests again that a busy, restarting or unreachable API server did not
 * answer. Safe for every request of the runner: creations have fixed names,
 * deletions name the uid, patches say the same twice. `lostAt`: when the API server was last found away, by `elapsed()`.
 */
export class RetryingClient implements KubeClient {
  private lostAt = -Infinity;

  constructor(private readonly inner: KubeClient) {}

  async request(request: ApiRequest, signal?: AbortSignal): Promise<any> {
    let end = Infinity;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.inner.request(request, signal);
      } catch (thrown) {
        const error = this.inLightOfOutages(thrown);
        const pause = pauseBefore(attempt, error);
        // counted from an answer at the earliest, which may have set a wrong clock right
        end = Math.min(end, this.inner.now() + PATIENCE);
        if (!mayPass(error) || this.inner.now() + pause > end) { throw error; }
        await this.inner.sleep(pause, signal);
      }
    }
  }

  async watch(path: string, query: Query, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    try {
      await this.inner.watch(path, query, onEvent, signal);
    } catch (error) {
      throw this.inLightOfOutages(error);
    }
  }

  // not tried again: a session that is lost has let go, and whoever began it must know
  exec(request: ExecRequest, signal?: AbortSignal): Promise<ExecSession> { return this.inner.exec(request, signal); }

  now(): number { return this.inner.now(); }

  elapsed(): number { return this.inner.elapsed(); }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> { return this.inner.sleep(milliseconds, signal); }

  /** Takes a refusal for one that passes, if it comes soon after an outage. */
  private inLightOfOutages(error: unknown): unknown {
    if (error instanceof ConnectionError) { this.lostAt = this.elapsed(); }
    return isStatus(error, ...REFUSED_STATUSES) && this.elapsed() - this.lostAt < READS_ROLES_WITHIN
      ? new ApiError(503, `the API server was away, and may not have read the roles yet: ${error.message}`)
      : error;
  }
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
      if (!token || !isStatus(error, 410)) { throw error; }
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

/** What the server answers, or nothing if there is no such object. */
export async function unlessAbsent(request: Promise<any>): Promise<any> {
  try {
    return await request;
  } catch (error) {
    if (isStatus(error, 404)) { return undefined; }
    throw error;
  }
}
