import { chmodSync, writeFileSync } from 'fs';
import { join } from 'path';
import { App, Chart } from 'cdk8s';
import { commandAt, inDirectory, Seen } from './command';

/** When a test looks at its cluster. */
export const NOW = Date.parse('2026-02-09T12:00:00Z');

const KEY = 'cdk8s-volume-snapshots/';
const MINUTE = 60_000;

/** A moment so many minutes ago, as the API server writes it. */
export const ago = (minutes: number) => new Date(NOW - minutes * MINUTE).toISOString().replace('.000Z', 'Z');
export const HOURS = 60;
export const DAYS = 24 * HOURS;

/** The CronJobs of a chart as the API server has them; `status`: of each, by its name. */
export function cronJobs(build: (chart: Chart) => void, status: { readonly [name: string]: object } = {}, namespace = 'shop'): any[] {
  const chart = new Chart(new App(), 'test', { namespace });
  build(chart);
  return chart.toJson().filter(({ kind }) => kind === 'CronJob').map(cronJob => ({
    ...cronJob, metadata: { ...cronJob.metadata, creationTimestamp: ago(60 * DAYS) }, status: status[cronJob.metadata.name] ?? {},
  }));
}

/** `from`: the snapshot that it is made of. */
export function claim(name: string, options: { readonly from?: string; readonly phase?: string; readonly uid?: string } = {}): object {
  const { from, phase = 'Bound', uid = `uid-${name}` } = options;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'shop', uid },
    spec: { dataSource: from && { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: from } },
    status: { phase },
  };
}

export interface SnapshotFacts {
  readonly namespace?: string;
  /** in minutes */
  readonly age: number;
  readonly schedule?: string;
  /** of an earlier claim of that name */
  readonly claimUid?: string;
  readonly labels?: object;
  readonly annotations?: object;
  /** ready unless told otherwise */
  readonly status?: object;
  readonly source?: object;
  readonly deleted?: string;
}

/** A snapshot as a run takes it. */
export function snapshot(name: string, ofClaim: string, facts: SnapshotFacts): any {
  const { age, annotations, claimUid = `uid-${ofClaim}`, deleted, labels, namespace = 'shop', schedule, source = { persistentVolumeClaimName: ofClaim }, status } = facts;
  const ours = schedule === undefined ? {} : { [`${KEY}schedule`]: schedule, [`${KEY}claim`]: ofClaim, [`${KEY}claim-uid`]: claimUid, [`${KEY}consistency`]: 'crash' };
  return {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: ago(age), deletionTimestamp: deleted, labels: { ...ours, ...labels }, annotations },
    spec: { source },
    status: status ?? { readyToUse: true, creationTime: ago(age), restoreSize: '10Gi', boundVolumeSnapshotContentName: `content-${name}` },
  };
}

/** The pod of a run that has ended. */
export function run(schedule: string, name: string, endedAgo: number, exitCode: number, message: string, namespace = 'shop'): object {
  const terminated = { exitCode, message, finishedAt: ago(endedAgo), reason: exitCode === 0 ? 'Completed' : 'Error' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, creationTimestamp: ago(endedAgo + 1), labels: { [`${KEY}schedule`]: schedule } },
    status: { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [{ name: 'snapshot', state: { terminated } }] },
  };
}

/** What the command says of objects that kubectl has printed. */
export function statusOf(objects: readonly object[], ...options: string[]): Promise<Seen> {
  return inFile(objects, file => commandAt(NOW, 'status', ...options, file));
}

async function inFile(objects: readonly object[], use: (file: string) => Promise<Seen>): Promise<Seen> {
  return inDirectory(directory => {
    const file = join(directory, 'all.json');
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    // files are read at once
    return use(file);
  });
}

/** The findings, such as 'claim shop/data: has no good snapshot …'. */
export async function attention(objects: readonly object[], ...options: string[]): Promise<string[]> {
  return (await statusJson(objects, ...options)).attention.map(({ object, problem }: any) => `${object}: ${problem}`);
}

export async function statusJson(objects: readonly object[], ...options: string[]): Promise<any> {
  const { stdout } = await statusOf(objects, '--json', ...options);
  return JSON.parse(stdout);
}

/** A program in the place of kubectl: `answers` is the body of a shell's case over the resource that it is asked for. */
export function fakeKubectl(directory: string, answers: string): string {
  const program = join(directory, 'kubectl');
  writeFileSync(program, `#!/bin/sh\necho "$@" >> '${join(directory, 'asked')}'\ncase "$2" in\n${answers}\nesac\n`);
  chmodSync(program, 0o755);
  return program;
}
