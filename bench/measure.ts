import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { AddressInfo, connect, createServer, Server } from 'node:net';

/** Passes connections on to the API server, and counts what comes back. */
export class CountingProxy {
  static async before(host: string, port: number): Promise<CountingProxy> {
    const proxy = new CountingProxy(host, port);
    await new Promise<void>((resolve, reject) => {
      // on the same address, since that is what the certificate is for
      proxy.server.once('error', error => reject(new Error(`the API server's address must be one of this machine's: ${error.message}`)));
      proxy.server.listen(0, host, resolve);
    });
    return proxy;
  }

  /** bytes that came from the API server until now */
  received = 0;
  private readonly server: Server;

  private constructor(host: string, port: number) {
    this.server = createServer({ noDelay: true }, client => {
      const server = connect({ host, port, noDelay: true });
      server.on('data', chunk => { this.received += chunk.length; });
      client.pipe(server).pipe(client);
      client.on('error', () => server.destroy());
      server.on('error', () => client.destroy());
    });
  }

  get port(): number { return (this.server.address() as AddressInfo).port; }

  close(): void { this.server.close(); }
}

/** What one run of a program took. */
export interface Measured {
  readonly exitCode: number | null;
  readonly output: string;
  /** seconds */
  readonly wall: number;
  /** MiB of all its processes together, when they had most */
  readonly memory: number;
}

const SAMPLE_EVERY_MS = 5;

/** Runs a program to its end. */
export function measure(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let most = 0;
    const sampler = setInterval(() => { most = Math.max(most, residentKiB(child.pid as number)); }, SAMPLE_EVERY_MS);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) { stream.setEncoding('utf8').on('data', text => { output += text; }); }
    child.on('error', reject);
    child.on('close', exitCode => {
      clearInterval(sampler);
      resolve({ exitCode, output, wall: (performance.now() - from) / 1000, memory: most / 1024 });
    });
  });
}

/** What a process and all that it started have in memory. */
function residentKiB(pid: number): number {
  try {
    const own = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return children.reduce((sum, child) => sum + residentKiB(Number(child)), own);
  } catch {
    // ended in between
    return 0;
  }
}
