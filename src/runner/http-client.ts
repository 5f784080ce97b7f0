import { readFileSync } from 'node:fs';
import { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { EXEC_PROTOCOL, ExecSession, FrameSession } from './exec';
import { ApiError, ApiRequest, ConnectionError, ExecRequest, KubeClient, Query, TerminatedError, WatchEvent } from './kube-client';
import { podsPath } from './resources';
import { binaryFrame, closeFrame, FrameReader, handshake } from './websocket';

/** Where the API server is and who we are. */
export interface Access {
  readonly host: string;
  readonly port: string;
  readonly ca: Buffer;
  /** read anew for each request, since the kubelet replaces the token */
  readonly token: () => string;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The access that every pod with a service account has. */
export function podAccess(environment: NodeJS.ProcessEnv, account = ACCOUNT): Access {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) { throw new Error('KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this program runs in a pod'); }
  return { host, port, ca: readFileSync(`${account}/ca.crt`), token: () => readFileSync(`${account}/token`, 'utf8').trim() };
}

// the server ends a watch after this time, and sends a bookmark every minute until then
const WATCH_SECONDS = 300;

/** How long the server may be silent, in milliseconds. */
export interface Silence {
  readonly request: number;
  readonly watch: number;
}

const LONGEST_SILENCE: Silence = { request: 30_000, watch: 100_000 };

/**
 * A client on node:https alone: `fetch` takes half as much memory again, and ends a quiet watch. `sessions` are connections that are the agent's no more;
 * `clockOffset` is how far the API server's clock is ahead of ours.
 */
export class HttpClient implements KubeClient {
  private readonly agent: Agent;
  private readonly sessions = new Set<Duplex>();
  private clockOffset = 0;

  constructor(private readonly access: Access, private readonly longestSilence: Silence = LONGEST_SILENCE) {
    this.agent = new Agent({ keepAlive: true, ca: access.ca });
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<any> {
    const response = await this.send(request.method, request.path, request.query ?? {}, this.longestSilence.request, signal, request.body);
    const text = await readAll(response);
    if ((response.statusCode ?? 0) >= 300) { throw apiError(response, text); }
    try {
      return JSON.parse(text);
    } catch (error) {
      // a proxy on the way, or a server that was just ending
      throw new ConnectionError(`the answer is not JSON: ${(error as Error).message}`);
    }
  }

  async watch(path: string, query: Query, onEvent: (event: WatchEvent) => void, signal: AbortSignal): Promise<void> {
    const all = { ...query, watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: `${WATCH_SECONDS}` };
    const response = await this.send('GET', path, all, this.longestSilence.watch, signal);
    if (response.statusCode !== 200) { throw apiError(response, await readAll(response)); }
    try {
      let rest = '';
      for await (const chunk of response.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const event = JSON.parse(line) as WatchEvent;
          if (event.type === 'ERROR') { throw new ApiError(event.object?.code ?? 500, event.object?.message ?? 'the watch failed'); }
          onEvent(event);
        }
      }
    } catch (error) {
      if (signal.aborted) { return; }
      throw error instanceof ApiError ? error : new ConnectionError(`the watch broke off: ${(error as Error).message}`);
    }
  }

  exec({ namespace, pod, container, command }: ExecRequest, signal?: AbortSignal): Promise<ExecSession> {
    const parameters = new URLSearchParams([
      ...container === undefined ? [] : [['container', container]],
      ...command.map(word => ['command', word]),
      ['stdin', 'true'], ['stdout', 'true'], ['stderr', 'true'],
    ] as [string, string][]);
    const { headers, accept } = handshake(EXEC_PROTOCOL);
    const path = `${podsPath(namespace, pod)}/exec?${parameters}`;
    return new Promise((resolve, reject) => {
      const request = this.open('GET', path, this.longestSilence.request, reject, signal, headers);
      request.on('response', response => { void readAll(response).then(text => reject(apiError(response, text)), reject); });
      request.on('upgrade', (response, socket: Duplex, head: Buffer) => {
        if (response.headers['sec-websocket-accept'] !== accept) {
          socket.destroy();
          return reject(new ConnectionError('the answer is not a WebSocket'));
        }
        this.sessions.add(socket);
        socket.on('close', () => this.sessions.delete(socket));
        resolve(sessionOn(socket as Socket, head));
      });
      request.end();
    });
  }

  elapsed(): number { return performance.now(); }

  now(): number { return Date.now() + this.clockOffset; }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) { return reject(new TerminatedError()); }
      const end = () => { clearTimeout(timer); reject(new TerminatedError()); };
      const timer = setTimeout(() => { signal?.removeEventListener('abort', end); resolve(); }, milliseconds);
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  close(): void {
    this.agent.destroy();
    // a server that is gone does not end them, and the process would wait for it
    this.sessions.forEach(socket => socket.destroy());
  }

  private send(
    method: string, path: string, query: Query, silence: number, signal?: AbortSignal, body?: object,
  ): Promise<IncomingMessage> {
    const parameters = new URLSearchParams(Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined));
    const payload = body && JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = this.open(method, `${path}?${parameters}`, silence, reject, signal, payload && {
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        'content-length': Buffer.byteLength(payload),
      });
      request.on('response', response => {
        const date = Date.parse(response.headers.date ?? '');
        if (!Number.isNaN(date)) { this.clockOffset = date - Date.now(); }
        resolve(response);
      });
      request.end(payload);
    });
  }

  private open(
    method: string, path: string, silence: number, fail: (error: Error) => void, signal?: AbortSignal, headers: OutgoingHttpHeaders | '' = {},
  ): ClientRequest {
    const { host, port } = this.access;
    // as an option the timeout counts from the start; set on the request it would begin when the connection is there
    const request = httpsRequest({
      host,
      port,
      method,
      path,
      agent: this.agent,
      signal,
      timeout: silence,
      headers: {
        'accept': 'application/json',
        'authorization': `Bearer ${this.access.token()}`,
        'user-agent': 'cdk8s-volume-snapshots',
        ...headers || {},
      },
    });
    request.on('timeout', () => request.destroy(new Error(`silent for ${silence / 1000} s`)));
    request.on('error', (error: NodeJS.ErrnoException) => fail(signal?.aborted
      ? new TerminatedError()
      : new ConnectionError(`the API server at ${host}:${port} did not answer (${error.code ?? error.message}); `
        + 'a NetworkPolicy that denies egress is the usual cause: let the pods of this CronJob reach the API server')));
    return request;
  }
}

/** A session that ends with the connection, however that ends. */
function sessionOn(socket: Socket, head: Buffer): ExecSession {
  const session = new FrameSession({
    send: frame => { socket.write(binaryFrame(frame)); },
    close: () => { socket.end(closeFrame()); },
  });
  const reader = new FrameReader(message => session.receive(message), frame => { socket.write(frame); });
  const read = (chunk: Buffer) => { if (!reader.push(chunk)) { socket.end(closeFrame()); session.finish(); } };
  // it is quiet while the application is held
  socket.setTimeout(0);
  socket.on('error', error => session.finish(`the connection broke off: ${error.message}`));
  socket.on('close', () => session.finish());
  socket.on('data', read);
  read(head);
  return session;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) { chunks.push(chunk as Buffer); }
  } catch (error) {
    throw new ConnectionError(`the answer broke off: ${(error as Error).message}`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function apiError(response: IncomingMessage, text: string): ApiError {
  const retryAfter = Number(response.headers['retry-after']);
  let message = text.slice(0, 500);
  try {
    message = JSON.parse(text).message ?? message;
  } catch {
    // a proxy may answer without a Status object
  }
  return new ApiError(response.statusCode ?? 0, message, Number.isFinite(retryAfter) ? retryAfter : undefined);
}
