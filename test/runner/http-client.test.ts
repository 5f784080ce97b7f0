import { spawn } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import dns from 'node:dns';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, Server } from 'node:https';
import { AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { DAY, HOUR, schedule } from './fake-api-server';
import { RunnerConfig } from '../../src/runner/config';
import { Access, HttpClient, podAccess } from '../../src/runner/http-client';
import { ApiError, ConnectionError, TerminatedError, WatchEvent } from '../../src/runner/kube-client';

/** A certificate for 127.0.0.1 that is its own authority; Node can check one but not make one. */
function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = (tag: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const length = body.length < 128 ? [body.length] : [0x82, Math.floor(body.length / 256), body.length % 256];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const sequence = (...parts: Buffer[]) => der(0x30, ...parts);
  const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('kube-apiserver of a test')))));
  const tbs = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    name,
    sequence(der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(
      sequence(oid('551d13'), der(0x01, Buffer.from([255])), der(0x04, sequence(der(0x01, Buffer.from([255]))))),
      sequence(oid('551d11'), der(0x04, sequence(der(0x87, Buffer.from([127, 0, 0, 1]))))),
    )),
  );
  const certificate = sequence(tbs, ecdsaWithSha256, der(0x03, Buffer.from([0]), sign('sha256', tbs, privateKey)));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`,
  };
}

interface Seen {
  readonly method?: string;
  readonly url?: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (request: Seen, response: ServerResponse) => void;

const pair = selfSigned();
let server: Server;
let seen: Seen[];
let answer: Answer;
let clients: HttpClient[];

beforeEach(async () => {
  seen = [];
  clients = [];
  answer = (_, response) => response.end('{}');
  server = createServer(pair, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const call = { method, url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(call);
      answer(call, response);
    });
  });
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
});

afterEach(async () => {
  jest.restoreAllMocks();
  clients.forEach(client => client.close());
  server.closeAllConnections();
  await new Promise(resolve => { server.close(resolve); });
});

const portOf = (listening: { address(): AddressInfo | string | null }) => `${(listening.address() as AddressInfo).port}`;

function connect(changes: Partial<Access> = {}, silence = 5_000): HttpClient {
  const client = new HttpClient(
    { host: '127.0.0.1', port: portOf(server), ca: Buffer.from(pair.cert), token: () => 'token-1', ...changes },
    { request: silence, watch: silence },
  );
  clients.push(client);
  return client;
}

const json = (body: object, status = 200, headers: { [name: string]: string } = {}): Answer => (_, response) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
};

const READ = { method: 'GET', path: '/api/v1/x' } as const;

describe('a session', () => {
  const ACCEPT = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const COMMAND = { namespace: 'shop', pod: 'db-0', container: 'db', command: ['sh', '-c', 'echo "a b"'] };
  const frame = (channel: number, text: string) => Buffer.concat([Buffer.from([0x82, text.length + 1, channel]), Buffer.from(text)]);

  /** A server that speaks the protocol, and what it is told. */
  function listen(talk: (socket: Duplex) => void, accept?: string): { url?: string; closed: boolean } {
    const heard: { url?: string; closed: boolean } = { closed: false };
    server.on('upgrade', (request, socket) => {
      heard.url = request.url;
      socket.on('close', () => { heard.closed = true; });
      socket.on('error', () => undefined);
      const answered = accept ?? createHash('sha1').update(`${request.headers['sec-websocket-key']}${ACCEPT}`).digest('base64');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${answered}\r\n\r\n`);
      talk(socket);
    });
    return heard;
  }

  test('starts the command in the container, and says its lines, also those that come with the answer', async () => {
    const heard = listen(socket => socket.write(frame(1, 'quiesced\n')));
    const session = await connect().exec(COMMAND);
    expect(await session.nextLine()).toBe('quiesced');
    expect(heard.url).toBe('/api/v1/namespaces/shop/pods/db-0/exec?container=db&command=sh&command=-c&command=echo+%22a+b%22&stdin=true&stdout=true&stderr=true');
  });

  test('stays, however long nobody says a word', async () => {
    listen(socket => setTimeout(() => socket.write(frame(1, 'released\n')), 300));
    const session = await connect({}, 100).exec(COMMAND);
    expect(await session.nextLine()).toBe('released');
  });

  test('ends with the connection, which is said', async () => {
    listen(socket => setTimeout(() => socket.destroy(), 20));
    const session = await connect().exec(COMMAND);
    expect([await session.nextLine(), session.end().exitCode]).toEqual([undefined, undefined]);
    expect(session.end().message).toContain('the connection broke off');
  });

  test('is gone when the client is closed, also if the server does not end it', async () => {
    const heard = listen(() => undefined);
    const client = connect();
    const session = await client.exec(COMMAND);
    client.close();
    expect(await session.nextLine()).toBeUndefined();
    while (!heard.closed) { await new Promise(resolve => setTimeout(resolve, 5)); }
  });

  test('that the server refuses fails with its words', async () => {
    answer = json({ message: 'pods "db-0" is forbidden' }, 403);
    await expect(connect().exec(COMMAND)).rejects.toMatchObject({ status: 403, message: expect.stringContaining('pods "db-0" is forbidden') });
  });

  test('is not begun with a server that speaks something else, or is not there', async () => {
    listen(() => undefined, 'nonsense');
    await expect(connect().exec(COMMAND)).rejects.toThrow('the answer is not a WebSocket');
    await expect(connect({ port: '1' }).exec(COMMAND)).rejects.toBeInstanceOf(ConnectionError);
  });
});

describe('a request', () => {
  test('says who asks, and for JSON', async () => {
    answer = json({ kind: 'List' });
    await expect(connect().request({ ...READ, query: { labelSelector: 'a=b,!c/d', limit: '500', continue: undefined } })).resolves.toEqual({ kind: 'List' });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      method: 'GET',
      url: '/api/v1/x?labelSelector=a%3Db%2C%21c%2Fd&limit=500',
      headers: { 'authorization': 'Bearer token-1', 'accept': 'application/json', 'user-agent': 'cdk8s-volume-snapshots' },
      body: '',
    });
    expect(seen[0].headers['content-type']).toBeUndefined();
  });

  test.each([['POST', 'application/json'], ['PATCH', 'application/merge-patch+json'], ['DELETE', 'application/json']] as const)(
    'of method %s has its body as %s, and its length in bytes', async (method, contentType) => {
      await connect().request({ method, path: '/x', body: { note: 'größer' } });
      expect(seen[0]).toMatchObject({ method, body: '{"note":"größer"}', headers: { 'content-type': contentType, 'content-length': '19' } });
    });

  test('has the token that the kubelet has put there last', async () => {
    let token = 'first';
    const client = connect({ token: () => token });
    await client.request(READ);
    token = 'second';
    await client.request(READ);
    expect(seen.map(call => call.headers.authorization)).toEqual(['Bearer first', 'Bearer second']);
  });

  test('goes over the connection of the one before it', async () => {
    let connections = 0;
    server.on('secureConnection', () => { connections += 1; });
    const client = connect();
    for (let count = 0; count < 5; count += 1) { await client.request(READ); }
    expect(connections).toBe(1);
  });

  test('of which many run at once leaves no warning in the log', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    const client = connect();
    await Promise.all(Array.from({ length: 60 }, () => client.request(READ, signal)));
    await new Promise(resolve => { setImmediate(resolve); });
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('an answer that is none', () => {
  const noAnswer = /did not answer \(.+\); a NetworkPolicy that denies egress is the usual cause: let the pods of this CronJob reach the API server/;

  async function requireUnreachable(client: HttpClient, cause: RegExp): Promise<void> {
    const error: Error = await client.request(READ).catch(e => e);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(noAnswer);
    expect(error.message).toMatch(cause);
  }

  test('names the address and the usual cause: nobody listens', async () => {
    const closed = createTcpServer();
    await new Promise<void>(resolve => { closed.listen(0, '127.0.0.1', resolve); });
    const port = portOf(closed);
    await new Promise(resolve => { closed.close(resolve); });
    await requireUnreachable(connect({ port }), new RegExp(`127\\.0\\.0\\.1:${port} .*ECONNREFUSED`));
  });

  test('names the usual cause: the server takes the request and is silent', async () => {
    answer = () => undefined;
    await requireUnreachable(connect({}, 80), /silent for 0\.08 s/);
  });

  test('names the usual cause: no connection comes about, as under a NetworkPolicy that drops packets', async () => {
    jest.spyOn(dns, 'lookup').mockImplementation((() => undefined) as any);
    const from = Date.now();
    await requireUnreachable(connect({ host: 'api.example.com' }, 80), /api\.example\.com.*silent for 0\.08 s/);
    expect(Date.now() - from).toBeLessThan(2_000);
  });

  test('names the usual cause: the connection is there and no TLS comes about', async () => {
    const mute = createTcpServer();
    await new Promise<void>(resolve => { mute.listen(0, '127.0.0.1', resolve); });
    await requireUnreachable(connect({ port: portOf(mute) }, 80), /silent/);
    mute.close();
  });

  test('is that of a server whose certificate is not of the cluster', async () => {
    await requireUnreachable(connect({ ca: Buffer.from(selfSigned().cert) }), /certificate|SELF_SIGNED|UNABLE_TO_VERIFY/i);
    expect(seen).toEqual([]);
  });

  test('is one that breaks off in the middle', async () => {
    answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"items": [');
      setImmediate(() => response.destroy());
    };
    await expect(connect().request(READ)).rejects.toThrow(/^the answer broke off: /);
    await expect(connect().request(READ)).rejects.toThrow(ConnectionError);
  });

  test.each([['the page of a proxy', '<html>please log in</html>'], ['half an object', '{"items": ['], ['nothing', '']])('is %s', async (_, body) => {
    answer = (__, response) => response.end(body);
    const error: Error = await connect().request(READ).catch(e => e);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/^the answer is not JSON: /);
  });
});

describe('a refusal', () => {
  async function refused(reply: Answer): Promise<ApiError> {
    answer = reply;
    const error = await connect().request(READ).catch(e => e);
    expect(error).toBeInstanceOf(ApiError);
    return error;
  }

  test('has the status and the words of the server', async () => {
    expect(await refused(json({ kind: 'Status', message: 'exceeded quota: objects' }, 403)))
      .toMatchObject({ status: 403, message: 'exceeded quota: objects', retryAfterSeconds: undefined });
  });

  test('has the time that the server asks for', async () => {
    expect((await refused(json({ message: 'slow down' }, 429, { 'retry-after': '7' }))).retryAfterSeconds).toBe(7);
    expect((await refused(json({ message: 'slow down' }, 429, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }))).retryAfterSeconds).toBeUndefined();
  });

  test('of a proxy has the beginning of its page', async () => {
    const error = await refused((_, response) => {
      response.writeHead(502);
      response.end(`<html>bad gateway${'.'.repeat(10_000)}`);
    });
    expect(error.status).toBe(502);
    expect(error.message).toMatch(/^<html>bad gateway\.+$/);
    expect(error.message).toHaveLength(500);
  });

  test('without words has none, and a redirect is one', async () => {
    expect((await refused(json({}, 500))).message).toBe('{}');
    expect((await refused(json({}, 301, { location: 'https://example.com' }))).status).toBe(301);
  });
});

describe('the clock', () => {
  test('is that of the API server: a node whose clock is wrong takes and keeps the same snapshots', async () => {
    const client = connect();
    expect(Math.abs(client.now() - Date.now())).toBeLessThan(1000);
    answer = json({}, 200, { date: new Date(Date.now() + 3 * HOUR).toUTCString() });
    await client.request(READ);
    expect(Math.abs(client.now() - Date.now() - 3 * HOUR)).toBeLessThan(2000);
    answer = json({}, 503, { date: new Date(Date.now() - DAY).toUTCString() });
    await client.request(READ).catch(() => undefined);
    expect(Math.abs(client.now() - Date.now() + DAY)).toBeLessThan(2000);
  });

  test('is not changed by an answer without a date or with nonsense for one', async () => {
    const client = connect();
    answer = (_, response) => {
      response.sendDate = false;
      response.end('{}');
    };
    await client.request(READ);
    answer = json({}, 200, { date: 'yesterday' });
    await client.request(READ);
    expect(Math.abs(client.now() - Date.now())).toBeLessThan(1000);
  });

  test('wakes a sleeper in time, or at once when the pod is told to end', async () => {
    const client = connect();
    const from = performance.now();
    await client.sleep(20);
    expect(performance.now() - from).toBeGreaterThan(15);
    const terminated = new AbortController();
    await client.sleep(1, terminated.signal);
    const sleeping = client.sleep(60_000, terminated.signal);
    terminated.abort();
    await expect(sleeping).rejects.toThrow(TerminatedError);
    await expect(client.sleep(60_000, terminated.signal)).rejects.toThrow(TerminatedError);
  });
});

describe('a pod that is told to end', () => {
  test('waits for no answer', async () => {
    answer = () => undefined;
    const terminated = new AbortController();
    const request = connect().request(READ, terminated.signal);
    setTimeout(() => terminated.abort(), 30);
    await expect(request).rejects.toThrow(TerminatedError);
  });

  test('asks nothing more', async () => {
    await expect(connect().request(READ, AbortSignal.abort())).rejects.toThrow(TerminatedError);
    await expect(connect().watch('/x', {}, () => undefined, AbortSignal.abort())).rejects.toThrow(TerminatedError);
    expect(seen).toEqual([]);
  });

  test('waits for no rest of an answer', async () => {
    answer = (_, response) => { response.write('{"items"'); };
    const terminated = new AbortController();
    const request = connect().request(READ, terminated.signal);
    setTimeout(() => terminated.abort(), 30);
    await expect(request).rejects.toThrow();
  });
});

describe('a watch', () => {
  const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

  /** Sends the chunks one by one, then does as told. */
  const stream = (chunks: (string | Buffer)[], then: (response: ServerResponse) => void = response => response.end()): Answer => (_, response) => {
    const next = () => {
      const chunk = chunks.shift();
      if (chunk === undefined) { then(response); } else { response.write(chunk, () => setTimeout(next, 5)); }
    };
    next();
  };

  async function follow(reply: Answer, silence?: number, signal = new AbortController().signal): Promise<{ events: WatchEvent[]; error?: any }> {
    answer = reply;
    const events: WatchEvent[] = [];
    const error = await connect({}, silence).watch('/x', { labelSelector: 'a=b', resourceVersion: '7' }, event => events.push(event), signal).catch(e => e);
    return { events, error };
  }

  test('asks for bookmarks and for an end, after the version that is known', async () => {
    await follow(stream([]));
    expect(seen[0].url).toBe('/x?labelSelector=a%3Db&resourceVersion=7&watch=true&allowWatchBookmarks=true&timeoutSeconds=300');
  });

  test('hands on each event, however the network cuts the lines and letters, and ends with the server', async () => {
    const text = Buffer.from(line('ADDED', { name: 'größe' }) + line('MODIFIED', { name: '快' }) + line('BOOKMARK', {}) + line('DELETED', { name: 'x' }));
    for (const size of [1, 7, 50, 10_000]) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, index) => text.subarray(index * size, (index + 1) * size));
      // a chunk of one byte each would take long with a pause after each
      const all: Answer = (_, response) => {
        chunks.forEach(chunk => response.write(chunk));
        response.end();
      };
      const { events, error } = await follow(size < 50 ? all : stream(chunks));
      expect(error).toBeUndefined();
      expect(events).toEqual([
        { type: 'ADDED', object: { name: 'größe' } }, { type: 'MODIFIED', object: { name: '快' } },
        { type: 'BOOKMARK', object: {} }, { type: 'DELETED', object: { name: 'x' } },
      ]);
    }
  });

  test('hands on a line that comes in two halves only when it is whole', async () => {
    const whole = line('ADDED', { name: 'größe' });
    const half = whole.indexOf('ö');
    const bytes = Buffer.from(whole);
    const { events } = await follow(stream([bytes.subarray(0, half + 1), bytes.subarray(half + 1), line('DELETED', {})]));
    expect(events.map(event => event.type)).toEqual(['ADDED', 'DELETED']);
    expect(events[0].object.name).toBe('größe');
  });

  test('that gets an event of type ERROR throws it, with what came before handed on', async () => {
    const { events, error } = await follow(stream([line('ADDED', {}) + line('ERROR', { code: 410, message: 'too old' })]));
    expect(events).toHaveLength(1);
    expect(error).toMatchObject({ status: 410, message: 'too old' });
    expect((await follow(stream([line('ERROR', {})]))).error).toMatchObject({ status: 500, message: 'the watch failed' });
  });

  test('that is refused says so', async () => {
    expect((await follow(json({ message: 'cannot watch resource' }, 403))).error).toMatchObject({ status: 403, message: 'cannot watch resource' });
    expect((await follow(json({ message: 'too old resource version' }, 410))).error).toMatchObject({ status: 410 });
  });

  test.each([
    ['breaks off', stream([line('ADDED', {})], response => response.destroy())],
    ['breaks off within a line', stream([line('ADDED', {}), '{"type":'], response => response.destroy())],
    ['sends what is no JSON', stream([line('ADDED', {}), '<html>\n'])],
  ])('that %s throws, so that it is begun again', async (_, reply) => {
    const { events, error } = await follow(reply);
    expect(events).toHaveLength(1);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/^the watch broke off: /);
  });

  test('that is silent for longer than the server ever is throws, so that it is begun again', async () => {
    const { events, error } = await follow(stream([line('ADDED', {})], () => undefined), 100);
    expect(events).toHaveLength(1);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/^the watch broke off: /);
  });

  test('whose bookmarks come in time is not silent', async () => {
    const { events, error } = await follow(stream(Array.from({ length: 12 }, () => line('BOOKMARK', {}))), 45);
    expect(events).toHaveLength(12);
    expect(error).toBeUndefined();
  });

  test('ends without an error when the run is over', async () => {
    const over = new AbortController();
    setTimeout(() => over.abort(), 50);
    const { events, error } = await follow(stream([line('ADDED', {})], () => undefined), undefined, over.signal);
    expect([events.length, error]).toEqual([1, undefined]);
  });
});

describe('in a pod', () => {
  let account: string;

  beforeEach(() => {
    account = mkdtempSync(join(tmpdir(), 'serviceaccount-'));
    writeFileSync(join(account, 'ca.crt'), pair.cert);
    writeFileSync(join(account, 'token'), 'token-1\n');
  });

  afterEach(() => rmSync(account, { recursive: true }));

  test('server, authority and token are those of the service account, and the token is read again each time', () => {
    const access = podAccess({ KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' }, account);
    expect([access.host, access.port, access.ca.toString(), access.token()]).toEqual(['10.0.0.1', '443', pair.cert, 'token-1']);
    writeFileSync(join(account, 'token'), 'token-2');
    expect(access.token()).toBe('token-2');
  });

  test.each([{}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, { KUBERNETES_SERVICE_PORT: '443' }])('elsewhere the program says where it belongs: %j', environment => {
    expect(() => podAccess(environment, account)).toThrow('KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this program runs in a pod');
  });

  interface Ended {
    readonly code: number | null;
    readonly lines: { step: string; [detail: string]: any }[];
    readonly errors: string;
    readonly terminationMessage: string;
  }

  // the bundle asks a real clock, and half an hour is far enough from any turn of it
  const scheduledAt = new Date(Math.floor(Date.now() / 60_000 - 30) * 60_000);
  const JOB = `nightly-${scheduledAt.getTime() / 60_000}`;

  /** Starts what a pod starts: the bundle, with the environment of the CronJob. */
  function runBundle(config: RunnerConfig | string, onLine: (step: string, kill: () => void) => void = () => undefined): Promise<Ended> {
    const bundle = join(__dirname, '..', '..', 'assets', 'runner.mjs');
    const terminationLog = join(account, 'termination-log');
    const child = spawn(process.execPath, [bundle, account, terminationLog], {
      env: {
        KUBERNETES_SERVICE_HOST: '127.0.0.1',
        KUBERNETES_SERVICE_PORT: portOf(server),
        SNAPSHOT_CONFIG: typeof config === 'string' ? config : JSON.stringify(config, null, 2),
        SNAPSHOT_NAMESPACE: 'shop',
        SNAPSHOT_JOB_NAME: JOB,
        SNAPSHOT_JOB_UID: 'job-uid',
        SNAPSHOT_POD_NAME: `${JOB}-abcde`,
      },
    });
    const lines: Ended['lines'] = [];
    let rest = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', chunk => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        lines.push(JSON.parse(part));
        onLine(lines[lines.length - 1].step, () => child.kill('SIGTERM'));
      }
    });
    child.stderr.setEncoding('utf8').on('data', chunk => { errors += chunk; });
    return new Promise(resolve => { child.on('close', code => resolve({ code, lines, errors, terminationMessage: readFileSync(terminationLog, 'utf8') })); });
  }

  /** Claims of a StatefulSet; each snapshot is ready when it is seen by the watch. */
  function playCluster(claims: string[], makesReady: boolean): void {
    let watching: ServerResponse | undefined;
    answer = ({ method, url = '', body }, response) => {
      const path = url.split('?')[0];
      if (method === 'POST' && path.endsWith('/volumesnapshots')) {
        const made = JSON.parse(body);
        const creationTimestamp = new Date().toISOString();
        Object.assign(made.metadata, { uid: `uid-${made.metadata.name}`, resourceVersion: '8', creationTimestamp });
        json(made, 201)(seen[0], response);
        const ready = { ...made, status: { boundVolumeSnapshotContentName: `snapcontent-${made.metadata.uid}`, creationTime: creationTimestamp, readyToUse: true } };
        ready.metadata = { ...made.metadata, resourceVersion: '9', finalizers: ['snapshot.storage.kubernetes.io/volumesnapshot-bound-protection'] };
        if (makesReady) { watching?.write(`${JSON.stringify({ type: 'MODIFIED', object: ready })}\n`); }
      } else if (method === 'POST') {
        json({}, 201)(seen[0], response);
      } else if (url.includes('watch=true')) {
        response.writeHead(200);
        response.flushHeaders();
        watching = response;
      } else if (path.endsWith('/persistentvolumeclaims')) {
        json({ metadata: {}, items: claims.map(name => ({ metadata: { name, uid: `uid-${name}` }, status: { phase: 'Bound' } })) })(seen[0], response);
      } else {
        json({ metadata: { resourceVersion: '7' }, items: [] })(seen[0], response);
      }
    };
  }

  const claims = Array.from({ length: 30 }, (_, ordinal) => `data-db-${ordinal}`);
  const config = schedule({ claims: [{ kind: 'StatefulSet', name: 'db', templates: ['data'] }], concurrency: 30 });

  test('the bundle that is shipped takes the snapshots of a StatefulSet, exits with 0, and logs nothing but JSON', async () => {
    playCluster(claims, true);
    const { code, lines, errors, terminationMessage } = await runBundle(config);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines[0]).toMatchObject({ step: 'start', schedule: 'nightly', run: { kind: 'Scheduled', at: scheduledAt.toISOString() }, time: expect.any(String) });
    expect(lines[lines.length - 1]).toMatchObject({
      step: 'end',
      exitCode: 0,
      message: expect.stringMatching(/^30 of 30 claims have their snapshot \(data-db-0-\d{8}-\d{6}-[0-9a-f]{8}, .*; 0 pruned; 30 kept$/),
      peakMemoryMiB: expect.any(Number),
    });
    expect(terminationMessage).toBe(lines[lines.length - 1].message);
    expect(seen.filter(call => call.url?.startsWith('/api/v1/namespaces/shop/events'))).toHaveLength(30);
    expect(new Set(seen.map(call => call.headers.authorization))).toEqual(new Set(['Bearer token-1']));
  });

  test('the bundle ends with 143 soon after SIGTERM', async () => {
    playCluster(claims.slice(0, 1), false);
    const { code, lines, errors } = await runBundle(config, (step, kill) => { if (step === 'created') { kill(); } });
    expect({ code, errors }).toEqual({ code: 143, errors: '' });
    expect(lines[lines.length - 1]).toMatchObject({ step: 'end', exitCode: 143, message: 'FAILED: told to end by SIGTERM; nothing more was done, a retry goes on from here' });
  });

  test('the bundle refuses a document that it cannot read, in one line, and asks the server nothing', async () => {
    const { code, lines, errors, terminationMessage } = await runBundle('{\n  "version": 1,\n');
    expect({ code, errors, steps: lines.map(entry => entry.step) }).toEqual({ code: 1, errors: '', steps: ['end'] });
    expect(terminationMessage).toBe(lines[0].message);
    expect(terminationMessage).toMatch(/^FAILED: SNAPSHOT_CONFIG is not JSON .*; synthesize the CronJob again$/);
    expect(seen).toEqual([]);
  });

  test('the bundle needs nothing but Node', () => {
    const text = readFileSync(join(__dirname, '..', '..', 'assets', 'runner.mjs'), 'utf8');
    const imports = [...text.matchAll(/(?<![-\w])(?:from|import|require)\s*\(?\s*["']([^"']+)["']/g)].map(match => match[1]);
    expect(imports.length).toBeGreaterThan(0);
    expect(imports.filter(name => !name.startsWith('node:'))).toEqual([]);
  });
});
