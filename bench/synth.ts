/*
 * What 1,000 schedules in one chart cost to construct and print, beside the same
 * objects from raw ApiObjects and from cdk8s-plus, and whether the cost is linear.
 *
 * Run by `npm run bench:synth`; fails if a target is missed.
 */
import { deepStrictEqual } from 'assert';
import { ApiObject, App, Chart, Cron, Duration, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { parseAllDocuments } from 'yaml';
import { RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

const SCHEDULES = 1000;
const ROUNDS = 15;
const GROWTH = [250, 500, 1000, 2000];
const GROWTH_ROUNDS = 7;

type Manifest = any;

/** What a user of this library writes. */
function library(chart: Chart, count: number): void {
  const snapshotClass = SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ebs');
  for (let i = 0; i < count; i++) {
    new ScheduledSnapshot(chart, `Schedule${i}`, {
      metadata: { name: `data-${i}` },
      source: SnapshotSource.fromClaimName(`data-${i}`),
      snapshotClass,
      schedule: Cron.schedule({ minute: `${i % 60}`, hour: `${i % 24}` }),
      timeZone: 'Europe/Berlin',
      retention: RetentionPolicy.keepFor(Duration.days(14)),
    });
  }
}

/** The floor: what the library printed, ready made and handed to cdk8s as it is. */
function raw(chart: Chart, manifests: Manifest[]): void {
  manifests.forEach((manifest, i) => new ApiObject(chart, `Object${i}`, manifest));
}

/**
 * The same objects from cdk8s-plus. It has no words for podFailurePolicy, os, enableServiceLinks,
 * seccompProfile and terminationMessagePolicy, and an affinity instead of a nodeSelector.
 */
function plus(chart: Chart, manifests: Manifest[]): void {
  const ofKind = (kind: string): Manifest[] => manifests.filter(manifest => manifest.kind === kind);
  const [{ metadata, data }] = ofKind('ConfigMap');
  const configMap = new kplus.ConfigMap(chart, 'Runner', { metadata, data });
  const roles = new Map(ofKind('Role').map(role => [role.metadata.name, role]));
  for (const cronJob of ofKind('CronJob')) {
    const scope = new Construct(chart, cronJob.metadata.name);
    const serviceAccount = new kplus.ServiceAccount(scope, 'ServiceAccount', { metadata: cronJob.metadata });
    plusRights(scope, roles.get(cronJob.metadata.name), serviceAccount);
    plusCronJob(scope, cronJob, serviceAccount, configMap);
  }
}

function plusRights(scope: Construct, { metadata, rules }: Manifest, serviceAccount: kplus.ServiceAccount): void {
  const role = new kplus.Role(scope, 'Role', { metadata });
  for (const { verbs, apiGroups: [apiGroup], resources: [resourceType], resourceNames } of rules) {
    role.allow(verbs, resourceNames
      ? kplus.PersistentVolumeClaim.fromClaimName(scope, 'Claim', resourceNames[0])
      : kplus.ApiResource.custom({ apiGroup, resourceType }));
  }
  new kplus.RoleBinding(scope, 'Binding', { metadata, role }).addSubjects(serviceAccount);
}

function plusCronJob(scope: Construct, { metadata, spec }: Manifest, serviceAccount: kplus.ServiceAccount, configMap: kplus.ConfigMap): void {
  const { activeDeadlineSeconds, backoffLimit, template } = spec.jobTemplate.spec;
  const [{ name, image, args, env, volumeMounts: [mount] }] = template.spec.containers;
  const [minute, hour] = spec.schedule.split(' ');
  const cronJob = new kplus.CronJob(scope, 'CronJob', {
    metadata,
    schedule: Cron.schedule({ minute, hour }),
    timeZone: spec.timeZone,
    concurrencyPolicy: kplus.ConcurrencyPolicy.FORBID,
    startingDeadline: Duration.seconds(spec.startingDeadlineSeconds),
    suspend: spec.suspend,
    successfulJobsRetained: spec.successfulJobsHistoryLimit,
    failedJobsRetained: spec.failedJobsHistoryLimit,
    activeDeadline: Duration.seconds(activeDeadlineSeconds),
    backoffLimit,
    podMetadata: template.metadata,
    restartPolicy: kplus.RestartPolicy.NEVER,
    serviceAccount,
    automountServiceAccountToken: true,
    securityContext: { ensureNonRoot: true },
    containers: [{
      name,
      image,
      imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
      args,
      envVariables: Object.fromEntries(env.map((variable: Manifest) => [variable.name, plusEnv(variable)])),
      resources: {
        cpu: { request: kplus.Cpu.millis(10), limit: kplus.Cpu.units(1) },
        memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
      },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL' as kplus.Capability] } },
      volumeMounts: [{ path: mount.mountPath, readOnly: true, volume: kplus.Volume.fromConfigMap(scope, 'Volume', configMap, { name: mount.name }) }],
    }],
  });
  cronJob.scheduling.attract(kplus.Node.labeled(kplus.NodeLabelQuery.is('kubernetes.io/os', 'linux')));
}

function plusEnv({ value, valueFrom }: Manifest): kplus.EnvValue {
  if (value !== undefined) { return kplus.EnvValue.fromValue(value); }
  const [, path, key] = /^([^[]+)(?:\['(.+)'\])?$/.exec(valueFrom.fieldRef.fieldPath)!;
  return kplus.EnvValue.fromFieldRef(path as kplus.EnvFieldPaths, { key });
}

function synth(build: (chart: Chart) => void): string {
  const app = new App();
  build(new Chart(app, 'snapshots', { namespace: 'data' }));
  return app.synthYaml();
}

/** Milliseconds from the first construct to the last line of YAML, by variant and round. They take turns, so that all see the same machine. */
function measure(rounds: number, variants: (() => void)[]): number[][] {
  const times: number[][] = variants.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < variants.length; turn++) {
      const variant = (round + turn) % variants.length;
      const start = performance.now();
      variants[variant]();
      times[variant].push(performance.now() - start);
    }
  }
  return times.map(([_warmUp, ...measured]) => measured);
}

/** The median of what the rounds say, since a busy machine slows down a round rather than a variant. */
function ratio(times: number[], others: number[]): number {
  return median(times.map((time, round) => time / others[round]));
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function parse(yaml: string): Manifest[] {
  return parseAllDocuments(yaml, { version: '1.1' }).map(document => document.toJS());
}

function identities(manifests: Manifest[]): string[] {
  return manifests.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.namespace, metadata.name].join(' ')).sort();
}

function target(what: string, value: number, limit: number): void {
  const ok = value <= limit;
  if (!ok) { process.exitCode = 1; }
  console.log(`${what}: ${value.toFixed(2)} (target <= ${limit}) ${ok ? 'ok' : 'MISSED'}`);
}

const manifests = parse(synth(chart => library(chart, SCHEDULES)));
const variants = [
  { name: 'library', run: () => synth(chart => library(chart, SCHEDULES)) },
  { name: 'raw ApiObjects', run: () => synth(chart => raw(chart, manifests)) },
  { name: 'cdk8s-plus', run: () => synth(chart => plus(chart, manifests)) },
];
const yamls = variants.map(({ run }) => run());
deepStrictEqual(parse(yamls[0]), manifests, 'two runs of the library differ');
deepStrictEqual(parse(yamls[1]), manifests, 'raw ApiObjects print something else');
deepStrictEqual(identities(parse(yamls[2])), identities(manifests), 'cdk8s-plus prints other objects');

const times = measure(ROUNDS, variants.map(({ run }) => run));
const [ofLibrary, ofRaw, ofPlus] = times;
console.log(`${SCHEDULES} schedules, ${manifests.length} objects, medians of ${ROUNDS} rounds, Node.js ${process.version}\n`);
console.log('                    ms    / raw   / cdk8s-plus   MB of YAML');
variants.forEach(({ name }, i) => console.log(name.padEnd(14)
  + median(times[i]).toFixed(0).padStart(8)
  + ratio(times[i], ofRaw).toFixed(2).padStart(9)
  + ratio(times[i], ofPlus).toFixed(2).padStart(15)
  + (yamls[i].length / 1e6).toFixed(2).padStart(13)));

// as many schedules in each turn, in one chart or in several after each other
const [most] = GROWTH.slice(-1);
const growth = measure(GROWTH_ROUNDS, GROWTH.map(count => () => {
  for (let done = 0; done < most; done += count) { synth(chart => library(chart, count)); }
}));
console.log('\nschedules   ms per schedule');
GROWTH.forEach((count, i) => console.log(`${count}`.padStart(9) + (median(growth[i]) / most).toFixed(3).padStart(18)));
const medians = growth.map(median);
console.log(`largest / smallest: ${(Math.max(...medians) / Math.min(...medians)).toFixed(2)}\n`);

target('library / raw', ratio(ofLibrary, ofRaw), 1.3);
target('library / cdk8s-plus', ratio(ofLibrary, ofPlus), 1);
target(`per schedule at ${most} / at ${GROWTH[0]}, linear`, ratio(growth[growth.length - 1], growth[0]), 1.25);
