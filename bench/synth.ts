/*
 * What 1,000 schedules in one chart cost to construct and print, beside the same
 * objects from raw ApiObjects and from cdk8s-plus, and whether the cost is linear.
 *
 * Run by `npm run bench:synth`; fails if a target is missed.
 */
import { deepStrictEqual } from 'assert';
import { setFlagsFromString } from 'v8';
import { runInNewContext } from 'vm';
import { ApiObject, App, Chart, Cron, Duration, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { parseAllDocuments } from 'yaml';
import { RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

const SCHEDULES = 1000;
const ROUNDS = 9;
const GROWTH = [250, 500, 1000, 2000];
const GROWTH_ROUNDS = 5;

type Manifest = any;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** What a user of this library writes; everything else here is measured against it. */
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

/** The floor: objects that are ready made, as deep as the YAML is, and handed to cdk8s as they are. */
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

/** The time from the first construct to the last line of YAML; what a run before left behind is not counted. */
function synth(build: (chart: Chart) => void): { readonly yaml: string; readonly ms: number } {
  collectGarbage();
  const start = performance.now();
  const app = new App();
  build(new Chart(app, 'snapshots', { namespace: 'data' }));
  const yaml = app.synthYaml();
  return { yaml, ms: performance.now() - start };
}

/** Each in each round, one after the other so that all see the same machine, and each in turn the first. */
function interleave(rounds: number, builds: ((chart: Chart) => void)[]): number[] {
  const times: number[][] = builds.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < builds.length; turn++) {
      const which = (round + turn) % builds.length;
      times[which].push(synth(builds[which]).ms);
    }
  }
  return times.map(([_warmUp, ...measured]) => median(measured));
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

function target(what: string, ratio: number, most: number): void {
  const missed = ratio > most;
  if (missed) { process.exitCode = 1; }
  console.log(`${what}: ${ratio.toFixed(2)} (target <= ${most}) ${missed ? 'MISSED' : 'ok'}`);
}

const ours = synth(chart => library(chart, SCHEDULES)).yaml;
const manifests = parse(ours);
const variants = [
  { name: 'library', build: (chart: Chart) => library(chart, SCHEDULES) },
  { name: 'raw ApiObjects', build: (chart: Chart) => raw(chart, manifests) },
  { name: 'cdk8s-plus', build: (chart: Chart) => plus(chart, manifests) },
];
const yamls = variants.map(({ build }) => synth(build).yaml);
deepStrictEqual(parse(yamls[0]), manifests, 'two runs of the library differ');
deepStrictEqual(parse(yamls[1]), manifests, 'raw ApiObjects print something else');
deepStrictEqual(identities(parse(yamls[2])), identities(manifests), 'cdk8s-plus prints other objects');

const times = interleave(ROUNDS, variants.map(({ build }) => build));
const [libraryTime, rawTime, plusTime] = times;
console.log(`${SCHEDULES} schedules, ${manifests.length} objects, medians of ${ROUNDS} rounds, Node ${process.version}\n`);
console.log('                    ms   / raw   / cdk8s-plus   MB of YAML');
variants.forEach(({ name }, i) => console.log([
  name.padEnd(14),
  times[i].toFixed(0).padStart(8),
  (times[i] / rawTime).toFixed(2).padStart(8),
  (times[i] / plusTime).toFixed(2).padStart(15),
  (yamls[i].length / 1e6).toFixed(2).padStart(13),
].join('')));

const perSchedule = interleave(GROWTH_ROUNDS, GROWTH.map(count => (chart: Chart) => library(chart, count))).map((ms, i) => ms / GROWTH[i]);
console.log('\nschedules   ms per schedule');
GROWTH.forEach((count, i) => console.log(`${`${count}`.padStart(9)}${perSchedule[i].toFixed(3).padStart(18)}`));
console.log(`largest / smallest: ${(Math.max(...perSchedule) / Math.min(...perSchedule)).toFixed(2)}\n`);

target('library / raw', libraryTime / rawTime, 1.3);
target('library / cdk8s-plus', libraryTime / plusTime, 1);
target(`per schedule at ${GROWTH[GROWTH.length - 1]} / at ${GROWTH[0]}`, perSchedule[GROWTH.length - 1] / perSchedule[0], 1.25);
