import { schedule } from './fake-api-server';
import { RunnerConfig } from '../../src/runner/config';
import { ApiError, ConnectionError, KubeClient } from '../../src/runner/kube-client';
import { runEverywhere } from '../../src/runner/run-namespaces';

/** An API server that has one bound claim and no snapshot in each namespace, and fails in some of them. */
function run(namespaces: string[] | undefined, failures: { [namespace: string]: Error } = {}) {
  const lines: any[] = [];
  const seen = new Set<string>();
  let time = 0;
  const client: KubeClient = {
    request: ({ path }) => {
      const namespace = /namespaces\/([^/]+)/.exec(path)?.[1] as string;
      seen.add(namespace);
      return failures[namespace] ? Promise.reject(failures[namespace]) : Promise.resolve({ items: [], metadata: {} });
    },
    watch: () => new Promise(() => undefined),
    exec: () => Promise.reject(new Error('none expected')),
    now: () => time,
    elapsed: () => time,
    sleep: milliseconds => { time += milliseconds; return Promise.resolve(); },
  };
  const config: RunnerConfig = schedule({ namespaces, gate: { reuseSeconds: 0 } });
  const log = (step: string, details: object) => { lines.push({ step, ...details }); };
  const result = runEverywhere({ client, config, namespace: 'platform', pod: 'p', run: { kind: 'Manual', jobUid: 'u' }, signal: new AbortController().signal, log });
  return { result, lines, seen };
}

test('without a list a run is in its own namespace alone', async () => {
  const { result, seen } = run(undefined);
  expect(await result).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^nothing to lose yet/) });
  expect([...seen]).toEqual(['platform']);
});

test('a run in many is one of each, with a report of each in the log', async () => {
  const { result, lines, seen } = run(['shop', 'crm']);
  expect(await result).toMatchObject({ exitCode: 0, message: expect.stringMatching(/^2 of 2 namespaces are done; crm: nothing to lose yet.*; shop: nothing to lose yet/) });
  expect([...seen].sort()).toEqual(['crm', 'shop']);
  expect(lines.filter(({ step }) => step === 'report').map(({ namespace, exitCode }) => [namespace, exitCode]).sort()).toEqual([['crm', 0], ['shop', 0]]);
});

test('one that fails does not hide the others, and comes first', async () => {
  const { result, seen } = run(['shop', 'crm', 'wiki'], { crm: new ApiError(403, 'forbidden') });
  expect(await result).toMatchObject({ exitCode: 1, message: expect.stringMatching(/^2 of 3 namespaces are done; FAILED crm: .*forbidden.*; shop: .*; wiki: /) });
  expect(seen.size).toBe(3);
});

test('is tried again by another pod only if that can help all that failed', async () => {
  const away = new ConnectionError('ECONNREFUSED');
  expect(await run(['shop', 'crm'], { crm: away }).result).toMatchObject({ exitCode: 75 });
  expect(await run(['shop', 'crm'], { crm: away, shop: new ApiError(403, 'forbidden') }).result).toMatchObject({ exitCode: 1 });
});
