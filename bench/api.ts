import { Agent, request } from 'node:https';
import { kubectl } from '../e2e/cluster';

/** An answer that is no success. */
export class RefusedError extends Error {
  constructor(readonly status: number, message: string) { super(message); }
}

const AT_ONCE = 24;

/** The API server with the rights of KUBECONFIG, for what would take kubectl too long. */
export class Api {
  /** Where it is, and how it proves that it is the one. */
  readonly host: string;
  readonly port: number;
  readonly ca: Buffer;
  private readonly agent: Agent;
  private readonly headers: { [name: string]: string };

  constructor() {
    const { clusters: [{ cluster }], users: [{ user }] } = JSON.parse(kubectl(['config', 'view', '--minify', '--flatten', '-o', 'json']));
    const bytes = (text: string | undefined) => (text === undefined ? undefined : Buffer.from(text, 'base64'));
    const { hostname, port } = new URL(cluster.server);
    this.host = hostname;
    this.port = Number(port || 443);
    this.ca = Buffer.from(cluster['certificate-authority-data'], 'base64');
    this.headers = user.token ? { authorization: `Bearer ${user.token}` } : {};
    this.agent = new Agent({
      keepAlive: true, maxSockets: AT_ONCE, ca: this.ca, cert: bytes(user['client-certificate-data']), key: bytes(user['client-key-data']),
    });
  }

  get(path: string): Promise<any> { return this.send('GET', path); }

  create(path: string, body: object): Promise<any> { return this.send('POST', path, body); }

  patch(path: string, body: object): Promise<any> { return this.send('PATCH', path, body); }

  delete(path: string): Promise<any> { return this.send('DELETE', path); }

  close(): void { this.agent.destroy(); }

  private send(method: string, path: string, body?: object): Promise<any> {
    const { host, port, agent } = this;
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return new Promise((resolve, reject) => {
      const sent = request({ host, port, agent, method, path, headers: { ...this.headers, 'content-type': type } }, response => {
        const chunks: Buffer[] = [];
        response.on('data', chunk => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const status = response.statusCode ?? 0;
          if (status < 300) { resolve(JSON.parse(text)); } else { reject(new RefusedError(status, `${method} ${path}: ${status} ${text.slice(0, 300)}`)); }
        });
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // the server had closed the connection while we were not looking
        if (sent.reusedSocket && error.code === 'ECONNRESET') { resolve(this.send(method, path, body)); } else { reject(error); }
      });
      sent.end(body && JSON.stringify(body));
    });
  }
}

/** Does the work for every item, as much at once as the API server likes. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const item of queue) { await work(item); }
  }));
}
