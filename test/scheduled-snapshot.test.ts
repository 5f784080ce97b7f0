import { ApiObject, App, Chart, Cron, Duration, JsonPatch, Yaml } from 'cdk8s';
import { Construct } from 'constructs';
import { configOf, newChart, objectOf, objectsOf, podOf, schedule, statefulSet } from './manifests';
import {
  CsiDriver, DeletionPolicy, FromGroupSnapshotClassNameOptions, GroupSnapshotApiVersion, GroupSnapshotClass, GroupSnapshotClassProps,
  IGroupSnapshotClass, PrunedStorage, Quiesce, QuiesceOn, RetentionPolicy, ScheduledSnapshotProps, SnapshotClass, SnapshotRbac, SnapshotSource,
  SnapshotSubject,
} from '../src';
import { FakeApiServer, FakePod, NAMESPACE } from './runner/fake-api-server';
import { resolveClaims } from '../src/runner/claims';
import { RunnerConfig } from '../src/runner/config';
import { parseConfig } from '../src/runner/parse-config';

/** The CronJob of a schedule with these props. */
function cronJob(props: Partial<ScheduledSnapshotProps> = {}): any {
  const chart = newChart();
  schedule(chart, props);
  return objectOf(chart, 'CronJob');
}

/** What the runner is told by a schedule with these props. */
function config(props: Partial<ScheduledSnapshotProps> = {}): any {
  const chart = newChart();
  schedule(chart, props);
  return configOf(chart);
}

/** How an @ expression gets into a Cron. */
function every(expression: string): Cron {
  return Cron.schedule({ minute: expression, hour: '', day: '', month: '', weekDay: '' });
}

/** The objects of one schedule as a reviewer reads them; the program is another test's matter. */
function yamlOf(chart: Chart): string {
  return Yaml.stringify(...chart.toJson().filter(({ kind }) => kind !== 'ConfigMap'))
    .replace(/runner-checksum: [0-9a-f]{16}/g, 'runner-checksum: CHECKSUM');
}

test('renders a schedule', () => {
  const chart = newChart();
  schedule(chart);
  expect(yamlOf(chart)).toMatchInlineSnapshot(`
"apiVersion: batch/v1
kind: CronJob
metadata:
  name: test-nightly-c8cafbfc
  namespace: db
spec:
  concurrencyPolicy: Forbid
  failedJobsHistoryLimit: 3
  jobTemplate:
    metadata:
      labels:
        velero.io/exclude-from-backup: "true"
    spec:
      activeDeadlineSeconds: 22500
      backoffLimit: 3
      podFailurePolicy:
        rules:
          - action: Ignore
            onPodConditions:
              - status: "True"
                type: DisruptionTarget
          - action: FailJob
            onExitCodes:
              containerName: runner
              operator: In
              values:
                - 1
      template:
        metadata:
          annotations:
            cdk8s-volume-snapshots/runner-checksum: CHECKSUM
            cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
            karpenter.sh/do-not-disrupt: "true"
            linkerd.io/inject: disabled
          labels:
            cdk8s-volume-snapshots/schedule: test-nightly-c8cafbfc
            kuma.io/sidecar-injection: disabled
            sidecar.istio.io/inject: "false"
            velero.io/exclude-from-backup: "true"
        spec:
          automountServiceAccountToken: true
          containers:
            - args:
                - --jitless
                - --max-semi-space-size=1
                - /opt/runner/runner.mjs
              env:
                - name: SNAPSHOT_CONFIG
                  value: |-
                    {
                      "version": 3,
                      "scheduleId": "test-nightly-c8cafbfc",
                      "claims": [
                        {
                          "kind": "Claim",
                          "name": "data"
                        }
                      ],
                      "prunedStorage": "Reclaim",
                      "retention": {
                        "keepForSeconds": 604800,
                        "timeZone": "Etc/UTC",
                        "minimumReady": 3
                      },
                      "maxNotReady": 3,
                      "readyTimeoutSeconds": 21600,
                      "concurrency": 20,
                      "labels": {},
                      "annotations": {}
                    }
                - name: SNAPSHOT_NAMESPACE
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.namespace
                - name: SNAPSHOT_POD_NAME
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.name
                - name: SNAPSHOT_JOB_NAME
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.labels['batch.kubernetes.io/job-name']
                - name: SNAPSHOT_JOB_UID
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.labels['batch.kubernetes.io/controller-uid']
              image: gcr.io/distroless/nodejs24-debian12:nonroot
              imagePullPolicy: IfNotPresent
              name: runner
              resources:
                limits:
                  cpu: "1"
                  memory: 256Mi
                requests:
                  cpu: 10m
                  memory: 64Mi
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop:
                    - ALL
                readOnlyRootFilesystem: true
              terminationMessagePolicy: FallbackToLogsOnError
              volumeMounts:
                - mountPath: /opt/runner
                  name: runner
                  readOnly: true
          enableServiceLinks: false
          nodeSelector:
            kubernetes.io/os: linux
          os:
            name: linux
          restartPolicy: Never
          securityContext:
            runAsNonRoot: true
            seccompProfile:
              type: RuntimeDefault
          serviceAccountName: test-nightly-c8cafbfc
          volumes:
            - configMap:
                name: test-snapshotrunner-c84a1a4e
              name: runner
  schedule: 0 0 * * *
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 3
  suspend: false
  timeZone: Etc/UTC
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: test-nightly-c8cafbfc
  namespace: db
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: test-nightly-c8cafbfc
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - create
      - delete
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - list
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: test-nightly-c8cafbfc
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: test-nightly-c8cafbfc
subjects:
  - kind: ServiceAccount
    name: test-nightly-c8cafbfc
    namespace: db
"
`);
});

test('renders everything it is told', () => {
  const chart = newChart();
  schedule(chart, {
    metadata: { name: 'nightly', labels: { team: 'dba' }, annotations: { note: 'nightly' } },
    source: SnapshotSource.fromSelector({ app: 'postgres' }),
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    timeZone: 'Europe/Berlin',
    snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'gce', { deletionPolicy: DeletionPolicy.DELETE, driver: CsiDriver.gcePersistentDisk() }),
    retention: RetentionPolicy.of({
      keepLast: 10, keepFor: Duration.days(14), hourly: 24, daily: 7, weekly: 5, monthly: 12, yearly: 3, minimumReady: 2,
    }),
    prunedStorage: PrunedStorage.KEEP,
    scheduleId: 'old-name',
    readyTimeout: Duration.hours(1),
    activeDeadline: Duration.hours(2),
    startingDeadline: Duration.minutes(30),
    concurrency: 5,
    stagger: Duration.minutes(10),
    maxNotReady: 5,
    dryRun: true,
    snapshotLabels: { tier: 'gold' },
    snapshotAnnotations: { 'example.com/owner': 'dba' },
    suspend: true,
    successfulJobsHistory: 1,
    failedJobsHistory: 5,
    pod: { image: 'node:24-alpine' },
    serviceAccountName: 'backup',
  });
  expect(yamlOf(chart)).toMatchInlineSnapshot(`
"apiVersion: batch/v1
kind: CronJob
metadata:
  annotations:
    note: nightly
  labels:
    team: dba
  name: nightly
  namespace: db
spec:
  concurrencyPolicy: Forbid
  failedJobsHistoryLimit: 5
  jobTemplate:
    metadata:
      labels:
        velero.io/exclude-from-backup: "true"
    spec:
      activeDeadlineSeconds: 7200
      backoffLimit: 3
      podFailurePolicy:
        rules:
          - action: Ignore
            onPodConditions:
              - status: "True"
                type: DisruptionTarget
          - action: FailJob
            onExitCodes:
              containerName: runner
              operator: In
              values:
                - 1
      template:
        metadata:
          annotations:
            cdk8s-volume-snapshots/runner-checksum: CHECKSUM
            cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
            karpenter.sh/do-not-disrupt: "true"
            linkerd.io/inject: disabled
          labels:
            cdk8s-volume-snapshots/schedule: old-name
            kuma.io/sidecar-injection: disabled
            sidecar.istio.io/inject: "false"
            velero.io/exclude-from-backup: "true"
        spec:
          automountServiceAccountToken: true
          containers:
            - args:
                - --jitless
                - --max-semi-space-size=1
                - /opt/runner/runner.mjs
              env:
                - name: SNAPSHOT_CONFIG
                  value: |-
                    {
                      "version": 3,
                      "scheduleId": "old-name",
                      "claims": [
                        {
                          "kind": "Selector",
                          "matchLabels": {
                            "app": "postgres"
                          }
                        }
                      ],
                      "snapshotClassName": "gce",
                      "deletionPolicy": "Delete",
                      "prunedStorage": "Keep",
                      "retention": {
                        "keepLast": 10,
                        "keepForSeconds": 1209600,
                        "hourly": 24,
                        "daily": 7,
                        "weekly": 5,
                        "monthly": 12,
                        "yearly": 3,
                        "timeZone": "Europe/Berlin",
                        "minimumReady": 2
                      },
                      "dryRun": true,
                      "startDelaySeconds": 295,
                      "minimumIntervalSeconds": 600,
                      "maxNotReady": 5,
                      "readyTimeoutSeconds": 3600,
                      "concurrency": 5,
                      "labels": {
                        "tier": "gold"
                      },
                      "annotations": {
                        "example.com/owner": "dba"
                      }
                    }
                - name: SNAPSHOT_NAMESPACE
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.namespace
                - name: SNAPSHOT_POD_NAME
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.name
                - name: SNAPSHOT_JOB_NAME
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.labels['batch.kubernetes.io/job-name']
                - name: SNAPSHOT_JOB_UID
                  valueFrom:
                    fieldRef:
                      fieldPath: metadata.labels['batch.kubernetes.io/controller-uid']
              image: node:24-alpine
              imagePullPolicy: IfNotPresent
              name: runner
              resources:
                limits:
                  cpu: "1"
                  memory: 256Mi
                requests:
                  cpu: 10m
                  memory: 64Mi
              securityContext:
                allowPrivilegeEscalation: false
                capabilities:
                  drop:
                    - ALL
                readOnlyRootFilesystem: true
              terminationMessagePolicy: FallbackToLogsOnError
              volumeMounts:
                - mountPath: /opt/runner
                  name: runner
                  readOnly: true
          enableServiceLinks: false
          nodeSelector:
            kubernetes.io/os: linux
          os:
            name: linux
          restartPolicy: Never
          securityContext:
            runAsGroup: 1000
            runAsNonRoot: true
            runAsUser: 1000
            seccompProfile:
              type: RuntimeDefault
          serviceAccountName: backup
          volumes:
            - configMap:
                name: test-snapshotrunner-c84a1a4e
              name: runner
  schedule: 15 3 * * *
  startingDeadlineSeconds: 1800
  successfulJobsHistoryLimit: 1
  suspend: true
  timeZone: Europe/Berlin
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: nightly
  namespace: db
rules:
  - apiGroups:
      - snapshot.storage.k8s.io
    resources:
      - volumesnapshots
    verbs:
      - create
      - delete
      - list
      - watch
  - apiGroups:
      - ""
    resources:
      - persistentvolumeclaims
    verbs:
      - list
  - apiGroups:
      - ""
    resources:
      - events
    verbs:
      - create
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: nightly
  namespace: db
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: nightly
subjects:
  - kind: ServiceAccount
    name: backup
    namespace: db
"
`);
});

describe('contract', () => {
  test('the CronJob is the default child', () => {
    expect(ApiObject.of(schedule(newChart())).kind).toBe('CronJob');
    expect(schedule(newChart()).node.defaultChild?.node.id).toBe('Resource');
  });

  test('names are stable, or a redeploy would replace the schedule and forget its snapshots', () => {
    const chart = newChart();
    const nightly = schedule(chart);
    expect(nightly.name).toBe('test-nightly-c8cafbfc');
    expect(nightly.scheduleId).toBe('test-nightly-c8cafbfc');
    expect(chart.toJson().map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'CronJob test-nightly-c8cafbfc',
      'ServiceAccount test-nightly-c8cafbfc',
      'Role test-nightly-c8cafbfc',
      'RoleBinding test-nightly-c8cafbfc',
      'ConfigMap test-snapshotrunner-c84a1a4e',
    ]);
  });

  test('the ids of the children are stable, since escape hatches go by them', () => {
    const chart = newChart();
    const nightly = schedule(chart);
    expect(nightly.node.children.map(({ node }) => node.id)).toEqual(['Resource', 'Rbac']);
    expect(chart.node.tryFindChild('SnapshotRunner')).toBeDefined();
  });

  test('metadata is respected, and its name is that of the rights too', () => {
    const chart = newChart();
    schedule(chart, { metadata: { name: 'nightly', labels: { team: 'dba' }, annotations: { note: 'x' }, namespace: 'other' } });
    expect(objectOf(chart, 'CronJob').metadata).toEqual({ name: 'nightly', namespace: 'other', labels: { team: 'dba' }, annotations: { note: 'x' } });
    for (const kind of ['ServiceAccount', 'Role', 'RoleBinding']) {
      expect(objectOf(chart, kind).metadata).toEqual({ name: 'nightly', namespace: 'other' });
    }
    expect(objectOf(chart, 'ConfigMap').metadata.namespace).toBe('other');
  });

  test('labels of the chart are on every object', () => {
    const chart = newChart({ namespace: 'db', labels: { app: 'postgres' } });
    schedule(chart);
    for (const { metadata } of chart.toJson()) { expect(metadata.labels).toMatchObject({ app: 'postgres' }); }
  });

  test('a name that is undefined is made of the path', () => {
    expect(cronJob({ metadata: { name: undefined } }).metadata.name).toBe('test-nightly-c8cafbfc');
  });

  test('a patch survives', () => {
    const chart = newChart();
    ApiObject.of(schedule(chart)).addJsonPatch(
      JsonPatch.replace('/spec/concurrencyPolicy', 'Replace'),
      JsonPatch.add('/spec/jobTemplate/spec/template/spec/hostAliases', [{ ip: '10.0.0.1', hostnames: ['api'] }]),
    );
    expect(objectOf(chart, 'CronJob').spec.concurrencyPolicy).toBe('Replace');
    expect(podOf(chart).spec.hostAliases).toEqual([{ ip: '10.0.0.1', hostnames: ['api'] }]);
  });

  test('it tells what it resolved', () => {
    const nightly = schedule(newChart(), { timeZone: 'Europe/Berlin' });
    expect(nightly).toMatchObject({ namespace: 'db', schedule: '0 0 * * *', timeZone: 'Europe/Berlin', prunedStorage: PrunedStorage.RECLAIM });
    expect(nightly.snapshotClass).toBeUndefined();
    expect(nightly.retention).toMatchObject({ minimumReady: 3 });
    expect(nightly.rbac).toMatchObject({ serviceAccountName: nightly.name, namespace: 'db' });
  });

  test('nothing depends on anything, as cdk8s takes exponential time to order chains', () => {
    const app = new App();
    const chart = new Chart(app, 'test', { namespace: 'db' });
    schedule(chart);
    expect(app.node.findAll().flatMap(construct => construct.node.dependencies)).toEqual([]);
  });
});

describe('name', () => {
  test('of 52 characters is the longest, since a Job gets eleven more', () => {
    expect(cronJob({ metadata: { name: 'a'.repeat(52) } }).metadata.name).toHaveLength(52);
  });

  test('throws when longer', () => {
    expect(() => schedule(newChart(), { metadata: { name: 'a'.repeat(53) } }))
      .toThrow(`[test/Nightly] 'metadata.name': 53 characters are too many, got '${'a'.repeat(53)}'; allowed at most 52; shorten the name`);
  });

  test.each([10, 40, 44, 45, 60, 80])('made of an id of %d characters is short enough and valid', length => {
    const { name } = schedule(newChart(), {}, `Every-${'x'.repeat(length)}`);
    expect(name.length).toBeLessThanOrEqual(52);
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
  });

  test('two long ids that are cut alike give two names', () => {
    const chart = newChart();
    const names = ['a', 'b'].map(end => schedule(chart, {}, 'x'.repeat(60) + end).name);
    expect(new Set(names).size).toBe(2);
  });

  test('throws when the ids make no valid name, as with an underscore', () => {
    expect(() => schedule(newChart(), {}, 'every_night')).toThrow("[test/every_night] 'metadata.name': not a valid name, got 'test-every_night'; "
      + 'allowed lower-case letters, digits, - and ., starting and ending with a letter or digit; rename the construct, or give it a name');
  });
});

describe('place', () => {
  test('throws outside a chart, and names the path', () => {
    const group = new Construct(new App(), 'group');
    expect(() => schedule(group)).toThrow("[group/Nightly] 'scope': not in a chart, got 'group/Nightly'; "
      + 'allowed a Chart or a construct below one; create the construct with a chart as its scope');
  });

  test('throws without a namespace, since a binding must name that of the service account', () => {
    expect(() => schedule(newChart({}))).toThrow("[test/Nightly] 'metadata.namespace': a role binding must name the namespace of its service account, "
      + "and none is known, got undefined; allowed the name of a namespace; give the chart one: new Chart(app, 'id', { namespace: '...' })");
  });

  test('takes the namespace of metadata where the chart has none', () => {
    const chart = newChart({});
    expect(schedule(chart, { metadata: { namespace: 'web' } }).namespace).toBe('web');
    expect(chart.toJson().map(({ metadata }) => metadata.namespace)).toEqual(['web', 'web', 'web', 'web', 'web']);
  });

  test('throws when the namespace is not valid', () => {
    expect(() => schedule(newChart(), { metadata: { namespace: 'Web' } })).toThrow("[test/Nightly] 'metadata.namespace': not a valid name, got 'Web'");
  });

  test('works below other constructs', () => {
    const chart = newChart();
    schedule(new Construct(chart, 'Backups'));
    expect(objectOf(chart, 'CronJob').metadata.name).toBe('test-backups-nightly-c865f8de');
  });
});

describe('sources', () => {
  test('are added to', () => {
    const chart = newChart();
    schedule(chart).addSource(SnapshotSource.fromClaimName('wal'));
    expect(configOf(chart).claims).toEqual([{ kind: 'Claim', name: 'data' }, { kind: 'Claim', name: 'wal' }]);
  });

  test('that cover a claim twice snapshot it once', async () => {
    const chart = newChart();
    const nightly = schedule(chart, { source: SnapshotSource.fromStatefulSet(statefulSet(chart)) });
    nightly.addSource(SnapshotSource.fromClaimName('data-postgres-1'));
    nightly.addSource(SnapshotSource.fromClaimName('wal'));
    nightly.addSource(SnapshotSource.fromClaimName('wal'));
    const { claims } = configOf(chart);
    // the one that is also named by itself must exist even when the set is scaled in
    expect(claims.map(({ name, statefulSet: set }: any) => [name, set])).toEqual([
      ['data-postgres-0', 'postgres'], ['data-postgres-1', 'postgres'], ['data-postgres-1', undefined], ['wal', undefined],
    ]);
    const server = new FakeApiServer();
    for (const name of ['data-postgres-0', 'data-postgres-1', 'wal']) { server.addClaim(name); }
    const { found, missing } = await server.clock.until(resolveClaims(new FakePod(server), NAMESPACE, claims, new AbortController().signal));
    expect(found.map(({ name }) => name)).toEqual(['data-postgres-0', 'data-postgres-1', 'wal']);
    expect(missing).toEqual([]);
  });
});

describe('schedule', () => {
  test('throws when the driver cuts a volume less often', () => {
    const snapshotClass = SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'gce', { driver: CsiDriver.gcePersistentDisk() });
    expect(() => schedule(newChart(), { snapshotClass, schedule: Cron.schedule({ minute: '*/10' }) })).not.toThrow();
    expect(() => schedule(newChart(), { snapshotClass, schedule: Cron.schedule({ minute: '*/5' }) })).toThrow(
      "[test/Nightly] 'schedule': two runs are too close for the driver pd.csi.storage.gke.io, got 5 minutes; "
      + 'allowed at least 10 minutes between two snapshots of a volume; run it less often',
    );
  });

  test.each([
    ['five fields', Cron.schedule({ minute: '15', hour: '3' }), '15 3 * * *'],
    ['@daily', every('@daily'), '@daily'],
    ['@every and a time', every('@every 6h'), '@every 6h'],
    ['an object of its own in TypeScript', { expressionString: '@every 6h' }, '@every 6h'],
  ])('is written as %s', (_, cron, expression) => {
    expect(cronJob({ schedule: cron }).spec.schedule).toBe(expression);
  });

  test('throws when it never runs', () => {
    expect(() => schedule(newChart(), { schedule: Cron.schedule({ minute: '0', hour: '0', day: '30', month: '2' }) })).toThrow(/^\[test\/Nightly\] 'schedule': never runs/);
  });

  test('throws when a field is out of range', () => {
    expect(() => schedule(newChart(), { schedule: Cron.schedule({ minute: '99' }) }))
      .toThrow(/^\[test\/Nightly\] 'schedule': minute '99' is out of range 0-59, got '99 \* \* \* \*'; allowed .*; write 0 to 59$/);
  });

  test('is in UTC by default, whatever zone the control plane is in', () => {
    expect(cronJob().spec.timeZone).toBe('Etc/UTC');
  });

  test('is in a time zone', () => {
    expect(cronJob({ timeZone: 'Europe/Berlin' }).spec.timeZone).toBe('Europe/Berlin');
  });

  test('throws when the time zone does not exist', () => {
    expect(() => schedule(newChart(), { timeZone: 'Mars/Olympus' })).toThrow(/^\[test\/Nightly\] 'timeZone': .* got 'Mars\/Olympus'; allowed .*; .+$/);
  });
});

describe('times that are left to the library', () => {
  test.each([
    // schedule, readyTimeout, activeDeadline, startingDeadline, all in seconds
    ['every minute', Cron.everyMinute(), 600, 1500, 3000],
    ['every second', every('@every 1s'), 600, 1500, 50],
    ['every five minutes', Cron.schedule({ minute: '*/5' }), 600, 1500, 3600],
    ['hourly', Cron.hourly(), 3240, 4140, 3600],
    ['every half hour', every('@every 30m'), 1620, 2520, 3600],
    ['every seven hours', every('@every 7h'), 21600, 22500, 50_400],
    ['at two times with an uneven gap', Cron.schedule({ minute: '0', hour: '9,12' }), 9720, 10620, 3600],
    ['daily', Cron.daily(), 21600, 22500, 3600],
    ['weekly', Cron.weekly(), 21600, 22500, 3600],
  ])('suit a schedule that runs %s', (_, cron, ready, active, starting) => {
    const chart = newChart();
    const nightly = schedule(chart, { schedule: cron });
    expect(configOf(chart).readyTimeoutSeconds).toBe(ready);
    expect(objectOf(chart, 'CronJob').spec.jobTemplate.spec.activeDeadlineSeconds).toBe(active);
    expect(objectOf(chart, 'CronJob').spec.startingDeadlineSeconds).toBe(starting);
    const told = [nightly.readyTimeout, nightly.activeDeadline, nightly.startingDeadline];
    expect(told.map(duration => duration.toSeconds())).toEqual([ready, active, starting]);
  });

  test.each([Cron.everyMinute(), Cron.hourly(), Cron.daily(), Cron.weekly(), every('@every 1s'), every('@every 90s'), every('@every 36h')])(
    'never let the CronJob controller count to 100 missed runs, after which it gives up: %j', cron => {
      const { schedule: expression, startingDeadlineSeconds } = cronJob({ schedule: cron }).spec;
      const seconds = ({ '* * * * *': 60, '0 * * * *': 3600, '@every 1s': 1, '@every 90s': 90, '@every 36h': 129_600 } as any)[expression] ?? 86_400;
      expect(startingDeadlineSeconds).toBeLessThan(100 * seconds);
      expect(startingDeadlineSeconds).toBeGreaterThanOrEqual(10);
    },
  );
});

describe('readyTimeout', () => {
  test('is what the runner waits, and moves the deadline of the run', () => {
    const chart = newChart();
    schedule(chart, { readyTimeout: Duration.hours(12) });
    expect(configOf(chart).readyTimeoutSeconds).toBe(43_200);
    expect(objectOf(chart, 'CronJob').spec.jobTemplate.spec.activeDeadlineSeconds).toBe(43_200 + 900);
  });

  test.each([
    [Duration.seconds(0), '0 seconds'],
    [Duration.millis(1500), '1 second 500 millis'],
    [Duration.days(8), '8 days'],
  ])('throws when out of range', (readyTimeout, got) => {
    expect(() => schedule(newChart(), { readyTimeout })).toThrow(
      `[test/Nightly] 'readyTimeout': out of range, got ${got}; allowed whole seconds from 1 second to 7 days; change the duration`,
    );
  });
});

describe('activeDeadline', () => {
  test('ends a run', () => {
    const { spec } = cronJob({ readyTimeout: Duration.minutes(10), activeDeadline: Duration.minutes(15) });
    expect(spec.jobTemplate.spec.activeDeadlineSeconds).toBe(900);
  });

  test('throws when it ends a run before its snapshots can be ready', () => {
    expect(() => schedule(newChart(), { activeDeadline: Duration.hours(1) })).toThrow(
      "[test/Nightly] 'activeDeadline': a run would be killed before its snapshots have had their readyTimeout of 6 hours, got 60 minutes; "
      + 'allowed at least 6 hours 5 minutes; raise it, or lower readyTimeout',
    );
  });

  test.each([Duration.days(15), Duration.millis(6 * 3_600_000 + 300_001)])('throws when out of range', activeDeadline => {
    expect(() => schedule(newChart(), { activeDeadline })).toThrow(/^\[test\/Nightly\] 'activeDeadline': out of range, got .+; allowed whole seconds from 5 minutes to 14 days; change the duration$/);
  });
});

describe('startingDeadline', () => {
  test('is how late a run may start', () => {
    expect(cronJob({ startingDeadline: Duration.hours(6) }).spec.startingDeadlineSeconds).toBe(21_600);
  });

  test.each([
    ['below ten seconds, when the controller looks only every ten', Duration.seconds(9), Cron.hourly(), '9 seconds; allowed whole seconds from 10 seconds to 4 days 3 hours; change the duration'],
    ['of 100 runs, when the controller gives up', Duration.minutes(100), Cron.everyMinute(), '1 hour 40 minutes; allowed whole seconds from 10 seconds to 1 hour 39 minutes; change the duration'],
    ['below the interval of @every, when no run would ever start', Duration.hours(1), every('@every 6h'), '60 minutes; allowed whole seconds from 6 hours to'],
    ['that is not whole seconds', Duration.millis(10_500), Cron.daily(), '10 seconds 500 millis; allowed whole seconds'],
  ])('throws when %s', (_, startingDeadline, cron, message) => {
    expect(() => schedule(newChart(), { startingDeadline, schedule: cron })).toThrow(`[test/Nightly] 'startingDeadline': out of range, got ${message}`);
  });
});

describe('retention', () => {
  test('is a week and three snapshots by default', () => {
    expect(config().retention).toEqual({ keepForSeconds: 604_800, timeZone: 'Etc/UTC', minimumReady: 3 });
  });

  test('is what the runner is told', () => {
    expect(config({ retention: RetentionPolicy.keepLast(5) }).retention).toEqual({ keepLast: 5, timeZone: 'Etc/UTC', minimumReady: 1 });
  });

  test('counts days, weeks and so on in the time zone of the schedule, or a day would end in the middle of the night shift', () => {
    const { retention } = config({ retention: RetentionPolicy.oneYear(), timeZone: 'Australia/Lord_Howe' });
    expect(retention).toEqual({ daily: 7, weekly: 5, monthly: 14, timeZone: 'Australia/Lord_Howe', minimumReady: 3 });
  });

  test('may leave none only if that is said in words, and the runner is told so too', () => {
    const retention = RetentionPolicy.of({ keepFor: Duration.days(1), minimumReady: 0, mayDeleteLastGood: true });
    expect(config({ retention })).toMatchObject({ retention: { minimumReady: 0 }, mayDeleteLastGood: true });
    expect(config()).not.toHaveProperty('mayDeleteLastGood');
    const words = RetentionPolicy.of({ keepFor: Duration.days(1), minimumReady: 1, mayDeleteLastGood: true });
    expect(config({ retention: words })).not.toHaveProperty('mayDeleteLastGood');
  });

  test('throws when each snapshot is too old before the next is taken', () => {
    expect(() => schedule(newChart(), { retention: RetentionPolicy.keepFor(Duration.hours(23)) })).toThrow(
      "[test/Nightly] 'retention': each snapshot would be too old before the next is taken, so the rule keeps nothing, got 23 hours; "
      + 'allowed at least the time between two runs, 1 day; keep them longer, or add keepLast, minimumReady, or a rule such as daily',
    );
  });

  test('takes as long as the time between two runs', () => {
    expect(config({ retention: RetentionPolicy.keepFor(Duration.days(1)) }).retention.keepForSeconds).toBe(86_400);
  });

  test('takes less if a number is kept anyway', () => {
    const retention = RetentionPolicy.of({ keepFor: Duration.hours(1), keepLast: 2 });
    expect(config({ retention }).retention).toMatchObject({ keepForSeconds: 3600, keepLast: 2 });
  });

  test('takes less if the newest of each day, week or so is kept anyway', () => {
    for (const period of ['hourly', 'daily', 'weekly', 'monthly', 'yearly']) {
      const retention = RetentionPolicy.of({ keepFor: Duration.hours(1), [period]: 2 });
      expect(config({ retention }).retention).toMatchObject({ keepForSeconds: 3600, [period]: 2 });
    }
  });

  test('throws when it may leave none and each is too old before the next', () => {
    const retention = RetentionPolicy.of({ keepFor: Duration.hours(1), minimumReady: 0, mayDeleteLastGood: true });
    expect(() => schedule(newChart(), { retention })).toThrow(/^\[test\/Nightly\] 'retention': each snapshot would be too old before the next is taken/);
  });

  test('takes a monthly schedule that says nothing, since the newest three stay anyway', () => {
    expect(config({ schedule: Cron.monthly() }).retention).toMatchObject({ keepForSeconds: 604_800, minimumReady: 3 });
  });

  test('throws when the driver has no room for so many', () => {
    const snapshotClass = SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'vsphere', { driver: CsiDriver.of('csi.vsphere.vmware.com') });
    expect(() => schedule(newChart(), { snapshotClass, retention: RetentionPolicy.keepLast(2) })).not.toThrow();
    expect(() => schedule(newChart(), { snapshotClass, retention: RetentionPolicy.keepLast(3) })).toThrow(
      "[test/Nightly] 'retention': the driver csi.vsphere.vmware.com has no room for them, and one more while it is taken, got 3; "
      + 'allowed at most 2 of its 3 snapshots of a volume; keep fewer',
    );
  });
});

describe('snapshot class', () => {
  test('is left to the cluster by default', () => {
    expect(config()).not.toHaveProperty('snapshotClassName');
    expect(config()).not.toHaveProperty('deletionPolicy');
  });

  test('of this app is named with its policy', () => {
    const chart = newChart();
    const snapshotClass = new SnapshotClass(chart, 'Ebs', { driver: CsiDriver.awsEbs() });
    schedule(chart, { snapshotClass });
    expect(configOf(chart)).toMatchObject({ snapshotClassName: snapshotClass.snapshotClassName, deletionPolicy: 'Retain' });
  });

  test('of elsewhere is named, and its policy if it is known', () => {
    const chart = newChart();
    schedule(chart, { snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Known', 'ebs', { deletionPolicy: DeletionPolicy.DELETE }) }, 'A');
    schedule(chart, { snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Unknown', 'rbd') }, 'B');
    const [first, second] = objectsOf(chart, 'CronJob').map(({ metadata }) => configOf(chart, metadata.name));
    expect(first).toMatchObject({ snapshotClassName: 'ebs', deletionPolicy: 'Delete' });
    expect(second.snapshotClassName).toBe('rbd');
    expect(second).not.toHaveProperty('deletionPolicy');
  });
});

describe('a class whose snapshots the storage locks, or lets expire', () => {
  const locked = (options: Partial<ScheduledSnapshotProps> = {}, deletionPolicy = DeletionPolicy.RETAIN) => {
    const chart = newChart();
    // the driver does not say it, the class does
    const snapshotClass = new SnapshotClass(chart, 'Ebs', {
      driver: CsiDriver.awsEbs(), parameters: { lockMode: 'governance', lockDuration: '30' }, deletionPolicy,
    });
    return () => schedule(chart, { snapshotClass, ...options });
  };

  test('is not pruned before', () => {
    expect(locked()).toThrow("[test/Nightly] 'retention': snapshots are pruned while the storage still locks them, and that would fail, got 7 days; allowed an age of at least 30 days");
    expect(locked({ retention: RetentionPolicy.keepFor(Duration.days(30)) })).not.toThrow();
  });

  test('is pruned whenever it likes if its storage is left alone, which a class that deletes does not do', () => {
    expect(locked({ prunedStorage: PrunedStorage.KEEP })).not.toThrow();
    expect(locked({ prunedStorage: PrunedStorage.KEEP }, DeletionPolicy.DELETE)).toThrow("'retention': snapshots are pruned while the storage still locks them");
  });

  test('that is defined elsewhere is asked as far as it is known', () => {
    const imported = (driver?: CsiDriver) => SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'disks', { driver });
    const expiring = CsiDriver.alibabaDisk({ expiresAfter: Duration.days(5) });
    expect(() => schedule(newChart(), { snapshotClass: imported(expiring) })).toThrow("'retention': the storage deletes its snapshots before they are pruned");
    expect(() => schedule(newChart(), { snapshotClass: imported() })).not.toThrow();
  });
});

describe('group snapshot class', () => {
  const hostpath = CsiDriver.of('hostpath.csi.k8s.io', { minimumInterval: Duration.minutes(5), maxSnapshotsPerVolume: 10 });
  const groups = (chart: Chart, props: Partial<GroupSnapshotClassProps> = {}) =>
    new GroupSnapshotClass(chart, 'Groups', { metadata: { name: 'groups' }, driver: hostpath, deletionPolicy: DeletionPolicy.DELETE, ...props });
  const imported = (chart: Chart, options: FromGroupSnapshotClassNameOptions = {}) => GroupSnapshotClass.fromGroupSnapshotClassName(chart, 'Groups', 'groups', options);

  function grouped(props: Partial<ScheduledSnapshotProps> = {}, classOf: (chart: Chart) => IGroupSnapshotClass = groups): Chart {
    const chart = newChart();
    schedule(chart, { groupSnapshotClass: classOf(chart), retention: RetentionPolicy.keepLast(3), ...props });
    return chart;
  }

  test('makes the runner take groups of it', () => {
    const told = configOf(grouped());
    expect(told).toMatchObject({ group: { className: 'groups', apiVersion: 'v1beta2' }, deletionPolicy: 'Delete', prunedStorage: 'Reclaim', minimumIntervalSeconds: 300 });
    expect(told).not.toHaveProperty('snapshotClassName');
    expect(parseConfig(JSON.stringify(told))).toEqual(told);
  });

  test('may be of another version of the API, or defined elsewhere', () => {
    expect(configOf(grouped({}, chart => groups(chart, { apiVersion: GroupSnapshotApiVersion.V1 }))).group.apiVersion).toBe('v1');
    expect(configOf(grouped({}, chart => imported(chart, { deletionPolicy: DeletionPolicy.DELETE }))).group).toEqual({ className: 'groups', apiVersion: 'v1beta2' });
  });

  test('leaves out what is not told of it elsewhere', () => {
    expect(config()).not.toHaveProperty('group');
  });

  test('takes any claims, of several sources', () => {
    const chart = newChart();
    schedule(chart, { groupSnapshotClass: groups(chart), source: SnapshotSource.fromStatefulSet(statefulSet(chart)) }).addSource(SnapshotSource.fromClaimName('uploads'));
    expect(configOf(chart).claims.map(({ name }: any) => name)).toEqual(['data-postgres-0', 'data-postgres-1', 'uploads']);
  });

  test('can be read', () => {
    const chart = newChart();
    const groupSnapshotClass = groups(chart);
    expect(schedule(chart, { groupSnapshotClass })).toMatchObject({ groupSnapshotClass, snapshotClass: undefined });
  });

  test('whose storage is retained is taken if that is said', () => {
    expect(configOf(grouped({ prunedStorage: PrunedStorage.KEEP }, chart => groups(chart, { deletionPolicy: DeletionPolicy.RETAIN })))).toMatchObject({ deletionPolicy: 'Retain', prunedStorage: 'Keep' });
    expect(configOf(grouped({ prunedStorage: PrunedStorage.KEEP }, imported))).toMatchObject({ prunedStorage: 'Keep' });
  });

  test.each<[string, Partial<ScheduledSnapshotProps>, (chart: Chart) => IGroupSnapshotClass, string]>([
    [
      'beside a snapshot class', {}, chart => groups(chart),
      "[test/Nightly] 'groupSnapshotClass': the claims are snapshotted together or each by itself, and snapshotClass is given too, got 'groups'; allowed one of the two",
    ],
    [
      'whose storage is retained and cannot be given back', {}, chart => groups(chart, { deletionPolicy: undefined }),
      "[test/Nightly] 'prunedStorage': 'groups' retains the storage of pruned groups, and a run cannot give it back, got 'Reclaim'; "
        + 'allowed a group class with DeletionPolicy.DELETE, or PrunedStorage.KEEP; use DeletionPolicy.DELETE, or say PrunedStorage.KEEP and clean up by hand',
    ],
    [
      'of which that is not known', {}, imported,
      "[test/Nightly] 'prunedStorage': whether 'groups' retains the storage of pruned groups is not known, and a run cannot find out, got 'Reclaim'",
    ],
    ['that is a name', {}, () => 'groups' as any, "[test/Nightly] 'groupSnapshotClass': not an IGroupSnapshotClass, got 'groups'"],
    ['whose driver keeps fewer', { retention: RetentionPolicy.keepLast(10) }, chart => groups(chart), "[test/Nightly] 'retention': the driver hostpath.csi.k8s.io has no room for them"],
    ['whose driver is slower', { schedule: Cron.everyMinute() }, chart => groups(chart), "[test/Nightly] 'schedule': two runs are too close for the driver"],
    [
      'whose application is quiesced in a replica alone', { quiesce: Quiesce.postgreSql({ on: QuiesceOn.REPLICA }) }, chart => groups(chart),
      "[test/Nightly] 'quiesce': a group has all claims of the source, and with 'on' those of a primary are left out",
    ],
  ])('throws for one %s', (name, props, classOf, message) => {
    const more = (chart: Chart) => (name === 'beside a snapshot class' ? { snapshotClass: new SnapshotClass(chart, 'Class', { driver: hostpath }) } : {});
    expect(() => {
      const chart = newChart();
      schedule(chart, { groupSnapshotClass: classOf(chart), ...more(chart), ...props });
      chart.toJson();
    }).toThrow(message);
  });
});

describe('what the runner is told', () => {
  test('by default', () => {
    expect(config()).toEqual({
      version: 3,
      scheduleId: 'test-nightly-c8cafbfc',
      claims: [{ kind: 'Claim', name: 'data' }],
      prunedStorage: 'Reclaim',
      retention: { keepForSeconds: 604_800, timeZone: 'Etc/UTC', minimumReady: 3 },
      maxNotReady: 3,
      readyTimeoutSeconds: 21_600,
      concurrency: 20,
      labels: {},
      annotations: {},
    });
  });

  test('is on several lines, so that a reviewer can read a change', () => {
    const chart = newChart();
    schedule(chart);
    expect(podOf(chart).spec.containers[0].env[0].value).toMatch(/^\{\n {2}"version": 3,\n/);
  });

  test('that pruned storage stays', () => {
    expect(config({ prunedStorage: PrunedStorage.KEEP }).prunedStorage).toBe('Keep');
  });

  test('is what the runner takes, with every prop and with none', () => {
    const retention = RetentionPolicy.of({ keepLast: 1, keepFor: Duration.days(2), hourly: 1, daily: 2, weekly: 3, monthly: 4, yearly: 5 });
    const snapshotClass = SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'gce', { driver: CsiDriver.gcePersistentDisk() });
    for (const props of [{}, { retention, snapshotClass, stagger: Duration.hours(6), maxNotReady: 1000, dryRun: false }]) {
      const told = config(props);
      expect(parseConfig(JSON.stringify(told))).toEqual(told);
    }
  });

  test('how seldom the driver lets a volume be cut, since a run that is late must not ask for more', () => {
    const of = (driver: CsiDriver) => config({ snapshotClass: SnapshotClass.fromSnapshotClassName(newChart(), 'Class', 'any', { driver }) });
    expect(of(CsiDriver.gcePersistentDisk()).minimumIntervalSeconds).toBe(600);
    expect(of(CsiDriver.of('example.com', { minimumInterval: Duration.minutes(2) })).minimumIntervalSeconds).toBe(120);
    expect(of(CsiDriver.of('example.com'))).not.toHaveProperty('minimumIntervalSeconds');
    expect(config()).not.toHaveProperty('minimumIntervalSeconds');
  });

  test('how many claims are cut at once', () => {
    expect(config({ concurrency: 1 }).concurrency).toBe(1);
  });

  test.each([0, 1.5, 1001, NaN])('throws when %d claims are cut at once', concurrency => {
    expect(() => schedule(newChart(), { concurrency }))
      .toThrow(`[test/Nightly] 'concurrency': out of range, got ${concurrency}; allowed a whole number from 1 to 1000; change the number`);
  });
});

describe('quiesce', () => {
  const mariaDb = Quiesce.mariaDb();
  const variablesOf = (props: Partial<ScheduledSnapshotProps>): { name: string; value?: string }[] =>
    cronJob(props).spec.jobTemplate.spec.template.spec.containers[0].env;
  const members = (...selections: [templates: string[], ordinals: number[]][]) => {
    const [first, ...others] = selections.map(([templates, ordinals]) => SnapshotSource.fromStatefulSetName('db', { templates, ordinals }));
    return { first, others };
  };

  test('is not unless it is asked for: no field, no script, no rule of retention, and as many claims at once as ever', () => {
    const { quiesce, retention, concurrency } = config();
    expect([quiesce, retention.consistentFirst, concurrency]).toEqual([undefined, undefined, 20]);
    expect(variablesOf({}).map(({ name }) => name)).not.toContain('SNAPSHOT_QUIESCE_SCRIPT');
  });

  test('holds one application after the other, since those that are held wait for the same controller', () => {
    expect(config({ quiesce: mariaDb }).concurrency).toBe(1);
    expect(config({ quiesce: mariaDb, concurrency: 5 }).concurrency).toBe(5);
  });

  test('lets retention give up no application-consistent snapshot for another one', () => {
    expect(config({ quiesce: mariaDb, retention: RetentionPolicy.keepLast(3) }).retention).toMatchObject({ keepLast: 3, consistentFirst: true });
  });

  test('is what the runner takes, and the runner has the script', () => {
    const [text, script] = variablesOf({ quiesce: mariaDb }).map(({ value }) => expanded(value ?? '', {}));
    const { quiesce } = parseConfig(text, script) as RunnerConfig;
    expect(quiesce).toMatchObject({ command: ['sh', '-c', mariaDb._script, 'quiesce'], attempts: 2, maxHoldSeconds: 30, onFailure: 'Fail' });
  });

  test('is a script that a reviewer can read as it runs, line by line, in a variable of its own', () => {
    const chart = newChart();
    schedule(chart, { quiesce: Quiesce.custom({ quiesce: 'touch /data/frozen', release: 'rm -f /data/frozen' }) });
    const [, block] = /- name: SNAPSHOT_QUIESCE_SCRIPT\n +value: \|\n([^]*?)\n +- name:/.exec(yamlOf(chart)) ?? [];
    expect(block?.split('\n').map(line => line.trim())).toEqual(expect.arrayContaining(['quiesce() {', 'touch /data/frozen', 'release() (', 'rm -f /data/frozen']));
  });

  test('has no secret in the manifests: passwords are named, and read in the container', () => {
    const chart = newChart();
    schedule(chart, { quiesce: Quiesce.mariaDb({ passwordVariable: 'BACKUP_PASSWORD' }) });
    const objects = chart.toJson();
    expect(objects.map(({ kind }) => kind)).not.toContain('Secret');
    expect(JSON.stringify(objects)).not.toContain('secretKeyRef');
    expect(podOf(chart).spec).not.toHaveProperty('containers.0.envFrom');
  });

  test('of a command of the user has no script', () => {
    expect(variablesOf({ quiesce: Quiesce.heldCommand({ command: ['/opt/hold'] }) }).map(({ name }) => name)).not.toContain('SNAPSHOT_QUIESCE_SCRIPT');
  });

  describe('knows its pods, so that the right to execute commands is limited to them', () => {
    const podNames = (source: SnapshotSource, ...more: SnapshotSource[]) => {
      const chart = newChart();
      const made = schedule(chart, { source, quiesce: mariaDb });
      more.forEach(each => made.addSource(each));
      return configOf(chart).quiesce.podNames;
    };

    test('if they are those of a StatefulSet with known replicas', () => {
      expect(podNames(SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 3 }))).toEqual(['db-0', 'db-1', 'db-2']);
      const chart = newChart();
      schedule(chart, { source: SnapshotSource.fromStatefulSet(statefulSet(chart, { ordinals: { start: 5 } })), quiesce: mariaDb });
      expect(configOf(chart).quiesce.podNames).toEqual(['postgres-5', 'postgres-6']);
    });

    test('once each, though several templates are of one pod', () => {
      expect(podNames(SnapshotSource.fromStatefulSetName('db', { templates: ['data', 'wal'], replicas: 2 }))).toEqual(['db-0', 'db-1']);
      const { first, others } = members([['data'], [0]], [['wal'], [0, 1]]);
      expect(podNames(first, ...others)).toEqual(['db-0', 'db-1']);
    });

    test('of a set with dashes and digits in its name', () => {
      expect(podNames(SnapshotSource.fromStatefulSetName('my-db-2', { templates: ['data-0'], ordinals: [10] }))).toEqual(['my-db-2-10']);
    });

    test.each<[string, SnapshotSource]>([
      ['a claim by its name', SnapshotSource.fromClaimName('data-db-0')],
      ['labels', SnapshotSource.fromSelector({ app: 'db' })],
      ['a StatefulSet whose replicas something else sets', SnapshotSource.fromStatefulSetName('db', { templates: ['data'] })],
    ])('but not of %s, nor if one of several sources is that', (_, source) => {
      expect(podNames(source)).toBeUndefined();
      expect(podNames(SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 }), source)).toBeUndefined();
    });

    test('unless the user says which they are, by name or by label', () => {
      const source = SnapshotSource.fromStatefulSetName('db', { templates: ['data'], replicas: 2 });
      expect(config({ source, quiesce: Quiesce.mariaDb({ podNames: ['db-1'] }) }).quiesce.podNames).toEqual(['db-1']);
      expect(config({ source, quiesce: Quiesce.mariaDb({ podLabels: { role: 'primary' } }) }).quiesce).not.toHaveProperty('podNames');
    });
  });

  describe('is not longer than a run waits for its snapshots', () => {
    const held = (seconds: number) => cronJob({
      readyTimeout: Duration.seconds(60), quiesce: Quiesce.mariaDb({ maxHold: Duration.seconds(seconds) }),
    });

    test('which may be a second more', () => {
      expect(held(59)).toBeDefined();
    });

    test.each([60, 61])('or throws: %d seconds', seconds => {
      expect(() => held(seconds)).toThrow("[test/Nightly] 'quiesce': the application may be held for as long as a run waits for its snapshots, "
        + `got 'a maxHold of 1 minute${seconds === 61 ? ' 1 second' : ''}'; allowed less than readyTimeout, 1 minute; lower maxHold, or raise readyTimeout`);
    });
  });

  test.each(['mariaDb', { quiesce: 'sync', release: ':' }, 7])('throws for %j, which is no Quiesce', quiesce => {
    expect(() => cronJob({ quiesce: quiesce as any })).toThrow(/^\[test\/Nightly\] 'quiesce': not a Quiesce, got .*; allowed a Quiesce; write for example Quiesce.mariaDb\(\)$/);
  });
});

/** What the kubelet makes of the value of a variable. */
function expanded(value: string, variables: { [name: string]: string }): string {
  return value.replace(/\$\$|\$\(([^)]*)\)/g, (all, name?: string) => (name === undefined ? '$' : variables[name] ?? all));
}

describe('what is written reaches the container as it was written, though the kubelet puts in variables', () => {
  const variables = { SNAPSHOT_CONFIG: 'THE CONFIG', SNAPSHOT_NAMESPACE: 'THE NAMESPACE', HOME: 'THE HOME' };
  const WORDS = ['$(date)', '$$', '$$$', '$$(HOME)', '$$$(HOME)', '$(HOME)', '$(SNAPSHOT_NAMESPACE)', '${HOME}', '$1', 'a$', '\\$(HOME)', '$($(HOME))'];

  test('as the test expands: two dollars are one, a known variable is its value, an unknown one stays', () => {
    expect(['$$(HOME)', '$(HOME)', '$(OTHER)', '$$$(HOME)', '$HOME'].map(text => expanded(text, variables))).toEqual(['$(HOME)', 'THE HOME', '$(OTHER)', '$THE HOME', '$HOME']);
  });

  test.each(WORDS)('in a script: %s', word => {
    const quiesce = Quiesce.custom({ quiesce: `echo ${word}`, release: word });
    const { value } = cronJob({ quiesce }).spec.jobTemplate.spec.template.spec.containers[0].env[1];
    expect(expanded(value, variables)).toBe(quiesce._script);
  });

  test.each(WORDS)('in an annotation of the snapshots: %s', word => {
    const { value } = cronJob({ snapshotAnnotations: { note: word } }).spec.jobTemplate.spec.template.spec.containers[0].env[0];
    expect((parseConfig(expanded(value, variables)) as RunnerConfig).annotations).toEqual({ note: word });
  });

  test('in a command of the user', () => {
    const quiesce = Quiesce.heldCommand({ command: ['sh', '-c', 'echo $(hostname) $$ $(SNAPSHOT_CONFIG)'] });
    const { value } = cronJob({ quiesce }).spec.jobTemplate.spec.template.spec.containers[0].env[0];
    expect((parseConfig(expanded(value, variables)) as RunnerConfig).quiesce?.command).toEqual(['sh', '-c', 'echo $(hostname) $$ $(SNAPSHOT_CONFIG)']);
  });

  test('in every preset', () => {
    for (const quiesce of [
      Quiesce.postgreSql(), Quiesce.postgreSqlBackupMode(), Quiesce.mariaDb(), Quiesce.mySql(), Quiesce.mongoDb(), Quiesce.redis(), Quiesce.cassandra(), Quiesce.fileSystem('/data'),
    ]) {
      const { value } = cronJob({ quiesce }).spec.jobTemplate.spec.template.spec.containers[0].env[1];
      expect(expanded(value, variables)).toBe(quiesce._script);
    }
  });
});

describe('stagger', () => {
  const delayOf = (props: Partial<ScheduledSnapshotProps>) => config({ stagger: Duration.minutes(30), ...props }).startDelaySeconds;

  test('is none by default: a run begins at once', () => {
    expect(config()).not.toHaveProperty('startDelaySeconds');
  });

  test('is the same at each synth, or every synth would be a change in Git', () => {
    expect(delayOf({})).toBe(delayOf({}));
    expect(delayOf({})).toBe(1064);
  });

  test('spreads schedules over the whole of it, and never later', () => {
    const delays = Array.from({ length: 300 }, (_, index) => delayOf({ metadata: { name: `nightly-${index}` } }));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1800);
    // 300 throws over 1801 seconds leave some 276 different ones, and 25 in each of twelve parts
    expect(new Set(delays).size).toBeGreaterThan(250);
    const parts = Array.from({ length: 12 }, (_, part) => delays.filter(delay => Math.floor(delay / 151) === part).length);
    expect(Math.min(...parts)).toBeGreaterThan(10);
  });

  test('of the shortest kind is within its limit too', () => {
    for (let index = 0; index < 20; index += 1) {
      expect([0, 1]).toContain(delayOf({ stagger: Duration.seconds(1), metadata: { name: `nightly-${index}` } }));
    }
  });

  test('differs between schedules of one name in two namespaces, as when every team deploys the same chart', () => {
    const delays = ['team-a', 'team-b'].map(namespace => delayOf({ metadata: { name: 'nightly', namespace } }));
    expect(new Set(delays).size).toBe(2);
  });

  test('follows the scheduleId, so that a rename changes nothing', () => {
    expect(delayOf({ scheduleId: 'old', metadata: { name: 'new' } })).toBe(delayOf({ metadata: { name: 'old' } }));
  });

  test('is added to the deadline of a run, which would else be killed while it still waits', () => {
    const deadline = (props: Partial<ScheduledSnapshotProps>) => cronJob(props).spec.jobTemplate.spec.activeDeadlineSeconds;
    expect(deadline({ stagger: Duration.minutes(30) })).toBe(deadline({}) + 1800);
    expect(deadline({ stagger: Duration.hours(6), readyTimeout: Duration.minutes(10) })).toBe(6 * 3600 + 600 + 900);
  });

  test('leaves a deadline as it was told, if there is room', () => {
    const props = { stagger: Duration.minutes(30), readyTimeout: Duration.minutes(10) };
    expect(cronJob({ ...props, activeDeadline: Duration.minutes(45) }).spec.jobTemplate.spec.activeDeadlineSeconds).toBe(2700);
    expect(() => schedule(newChart(), { ...props, activeDeadline: Duration.minutes(44) })).toThrow(
      "[test/Nightly] 'activeDeadline': a run would be killed before its snapshots have had their readyTimeout of 10 minutes after the stagger, "
      + 'got 44 minutes; allowed at least 45 minutes; raise it, or lower readyTimeout',
    );
  });

  test('leaves the other times as they are', () => {
    const [without, staggered] = [{}, { stagger: Duration.hours(1) }].map(props => schedule(newChart(), props));
    expect(staggered.readyTimeout.toSeconds()).toBe(without.readyTimeout.toSeconds());
    expect(staggered.startingDeadline.toSeconds()).toBe(without.startingDeadline.toSeconds());
  });

  test.each([
    ['0 seconds', Duration.seconds(0), Cron.daily(), '6 hours'],
    ['6 hours 1 second', Duration.seconds(21_601), Cron.daily(), '6 hours'],
    ['1 second 500 millis', Duration.millis(1500), Cron.daily(), '6 hours'],
    // more than half of the time between two runs would let one run into the next
    ['31 minutes', Duration.minutes(31), Cron.hourly(), '30 minutes'],
    ['2 minutes 31 seconds', Duration.seconds(151), Cron.schedule({ minute: '*/5' }), '2 minutes 30 seconds'],
  ])('throws when it is %s', (got, stagger, cron, most) => {
    expect(() => schedule(newChart(), { stagger, schedule: cron })).toThrow(
      `[test/Nightly] 'stagger': out of range, got ${got}; allowed whole seconds from 1 second to ${most}; change the duration`,
    );
  });

  test.each([[Duration.hours(6), Cron.daily()], [Duration.minutes(30), Cron.hourly()], [Duration.seconds(150), Cron.schedule({ minute: '*/5' })]])(
    'reaches to its limit', (stagger, cron) => {
      expect(() => schedule(newChart(), { stagger, schedule: cron })).not.toThrow();
    },
  );
});

describe('maxNotReady', () => {
  test('is three by default', () => {
    expect(config().maxNotReady).toBe(3);
  });

  test('is what the runner is told', () => {
    for (const maxNotReady of [1, 1000]) { expect(config({ maxNotReady }).maxNotReady).toBe(maxNotReady); }
  });

  test.each([0, -1, 1.5, 1001, NaN])('throws when it is %d', maxNotReady => {
    expect(() => schedule(newChart(), { maxNotReady }))
      .toThrow(`[test/Nightly] 'maxNotReady': out of range, got ${maxNotReady}; allowed a whole number from 1 to 1000; change the number`);
  });
});

describe('dryRun', () => {
  test('is off unless it is asked for', () => {
    expect(config()).not.toHaveProperty('dryRun');
    expect(config({ dryRun: false }).dryRun).toBe(false);
  });

  test('is what the runner is told', () => {
    expect(config({ dryRun: true }).dryRun).toBe(true);
  });

  test('changes nothing else, so that what it shows is what will be', () => {
    const { dryRun, ...rest } = config({ dryRun: true });
    expect(rest).toEqual(config());
  });
});

describe('scheduleId', () => {
  test('is what it was before a rename, so that the earlier snapshots are pruned on', () => {
    const chart = newChart();
    expect(schedule(chart, { scheduleId: 'old' }, 'Renamed').scheduleId).toBe('old');
    expect(configOf(chart)).toMatchObject({ scheduleId: 'old' });
    expect(podOf(chart).metadata.labels).toMatchObject({ 'cdk8s-volume-snapshots/schedule': 'old' });
  });

  test('follows the name of the CronJob', () => {
    expect(config({ metadata: { name: 'nightly' } }).scheduleId).toBe('nightly');
  });

  test('of two schedules in a namespace must differ, or each would prune the snapshots of the other', () => {
    const chart = newChart();
    schedule(chart, { scheduleId: 'same' }, 'Hourly');
    schedule(chart, { scheduleId: 'same', metadata: { namespace: 'web' } }, 'Elsewhere');
    expect(() => chart.toJson()).not.toThrow();
    schedule(chart, { scheduleId: 'same' }, 'Daily');
    expect(() => chart.toJson()).toThrow(
      "[test/Daily] 'scheduleId': the schedule at test/Hourly has the same id in the namespace, and the two would prune each other's snapshots, got 'same'; "
      + 'allowed an id of its own for each schedule; leave it out, or change one of the two',
    );
  });

  test('throws when empty', () => {
    expect(() => schedule(newChart(), { scheduleId: '' }))
      .toThrow("[test/Nightly] 'scheduleId': empty, got ''; allowed 1 to 63 characters; leave it out to use the name");
  });

  test.each(['a'.repeat(64), 'a b'])('throws when it cannot be a label: %s', scheduleId => {
    expect(() => schedule(newChart(), { scheduleId })).toThrow("[test/Nightly] 'scheduleId': not a valid value of the label 'cdk8s-volume-snapshots/schedule'");
  });
});

describe('the length of the configuration', () => {
  /** A schedule of so many claims, with an annotation of so many KiB. */
  function long(claims: number, kibibytes: number): Chart {
    const chart = newChart();
    const nightly = schedule(chart, { snapshotAnnotations: { note: 'x'.repeat(kibibytes * 1024) } });
    for (let index = 1; index < claims; index += 1) { nightly.addSource(SnapshotSource.fromClaimName(`data-${index}`)); }
    return chart;
  }

  test('is what an environment variable can hold', () => {
    expect(Buffer.byteLength(JSON.stringify(configOf(long(500, 50))))).toBeGreaterThan(64 * 1024);
  });

  test('throws where the container could not start at night', () => {
    expect(() => long(2, 100).toJson()).toThrow(
      "[test/Nightly] 'source': the configuration of a run is an environment variable, and with one that long its container cannot start, "
      + "got '101 KiB, made up by claims (2), snapshotLabels and snapshotAnnotations'; allowed at most 100 KiB; "
      + 'split it into several, choose the claims with SnapshotSource.fromSelector, or shorten labels and annotations',
    );
    expect(() => long(3000, 0).toJson()).toThrow(/KiB, made up by claims \(3000\)/);
  });
});

describe('labels and annotations of the snapshots', () => {
  test('are what the runner is told', () => {
    expect(config({ snapshotLabels: { tier: 'gold' }, snapshotAnnotations: { 'example.com/owner': 'dba team' } }))
      .toMatchObject({ labels: { tier: 'gold' }, annotations: { 'example.com/owner': 'dba team' } });
  });

  test('are not those of the chart, since GitOps tools would take the snapshots for their own', () => {
    const chart = newChart({ namespace: 'db', labels: { 'app.kubernetes.io/instance': 'postgres' } });
    schedule(chart);
    expect(configOf(chart).labels).toEqual({});
  });

  test.each([
    'cdk8s-volume-snapshots/schedule', 'cdk8s-volume-snapshots/hold', 'cdk8s-volume-snapshots/anything',
  ])('throw when the key is ours: %s', key => {
    for (const prop of ['snapshotLabels', 'snapshotAnnotations']) {
      expect(() => schedule(newChart(), { [prop]: { [key]: 'x' } }))
        .toThrow(`[test/Nightly] '${prop}': the library sets this key itself, got '${key}'; allowed other keys; leave it out`);
    }
  });

  test.each([
    ['snapshotLabels', 'velero.io/exclude-from-backup'],
    ['snapshotAnnotations', 'argocd.argoproj.io/sync-options'],
    ['snapshotAnnotations', 'argocd.argoproj.io/compare-options'],
  ])('throw when the run would set another value: %s %s', (prop, key) => {
    expect(() => schedule(newChart(), { [prop]: { [key]: 'false' } }))
      .toThrow(`[test/Nightly] '${prop}': the library sets this key itself, got '${key}'; allowed other keys; leave it out`);
  });

  test.each([
    'app.kubernetes.io/instance', 'argocd.argoproj.io/instance', 'argocd.argoproj.io/tracking-id', 'kustomize.toolkit.fluxcd.io/name',
  ])('throw when a GitOps tool would delete the snapshots for the key: %s', key => {
    for (const prop of ['snapshotLabels', 'snapshotAnnotations']) {
      expect(() => schedule(newChart(), { [prop]: { [key]: 'x' } })).toThrow(
        `[test/Nightly] '${prop}': GitOps tools find their own objects by this key, and would delete the snapshots, got '${key}'; allowed other keys; leave it out`,
      );
    }
  });

  test('throw when a value is not valid', () => {
    expect(() => schedule(newChart(), { snapshotLabels: { tier: 'a b' } })).toThrow("[test/Nightly] 'snapshotLabels': not a valid value of the label 'tier', got 'a b'");
    expect(() => schedule(newChart(), { snapshotAnnotations: { 'a b': 'x' } })).toThrow("[test/Nightly] 'snapshotAnnotations': not a valid key, got 'a b'");
  });
});

describe('CronJob', () => {
  test('never runs twice at once, or the two would count each other\'s snapshots', () => {
    expect(cronJob().spec.concurrencyPolicy).toBe('Forbid');
  });

  test('is suspended on demand only', () => {
    expect(cronJob().spec.suspend).toBe(false);
    expect(cronJob({ suspend: true }).spec.suspend).toBe(true);
  });

  test('keeps three Jobs of each kind for their logs', () => {
    expect(cronJob().spec).toMatchObject({ successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 3 });
  });

  test('keeps as many Jobs as it is told, also none', () => {
    expect(cronJob({ successfulJobsHistory: 0, failedJobsHistory: 10 }).spec)
      .toMatchObject({ successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 10 });
  });

  test.each(['successfulJobsHistory', 'failedJobsHistory'])('throws when %s is negative', prop => {
    expect(() => schedule(newChart(), { [prop]: -1 })).toThrow(`[test/Nightly] '${prop}': out of range, got -1; allowed a whole number from 0 to 2147483647; change the number`);
  });

  test('retries lost pods, and not what the runner has given up', () => {
    expect(cronJob().spec.jobTemplate.spec).toMatchObject({
      backoffLimit: 3,
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { containerName: 'runner', operator: 'In', values: [1] } },
        ],
      },
    });
  });

  test('names the container of its failure policy as the pod does, or the API server refuses it', () => {
    const { podFailurePolicy, template } = cronJob().spec.jobTemplate.spec;
    expect(podFailurePolicy.rules[1].onExitCodes.containerName).toBe(template.spec.containers[0].name);
    expect(template.spec.restartPolicy).toBe('Never');
  });
});

describe('rights', () => {
  test('are those of a service account of its own', () => {
    const chart = newChart();
    const nightly = schedule(chart);
    expect(objectOf(chart, 'ServiceAccount').metadata.name).toBe(nightly.name);
    expect(podOf(chart).spec.serviceAccountName).toBe(nightly.name);
  });

  test('are given to a service account of the user', () => {
    const chart = newChart();
    schedule(chart, { serviceAccountName: 'backup' });
    expect(objectsOf(chart, 'ServiceAccount')).toEqual([]);
    expect(podOf(chart).spec.serviceAccountName).toBe('backup');
    expect(objectOf(chart, 'RoleBinding').subjects).toEqual([{ kind: 'ServiceAccount', name: 'backup', namespace: 'db' }]);
  });

  test('are shared by schedules that are given the same', () => {
    const chart = newChart();
    const rbac = new SnapshotRbac(chart, 'Rights');
    const first = schedule(chart, { rbac }, 'A');
    const second = schedule(chart, { rbac, source: SnapshotSource.fromClaimName('wal') }, 'B');
    expect(objectsOf(chart, 'ServiceAccount')).toHaveLength(1);
    for (const { name } of [first, second]) { expect(podOf(chart, name).spec.serviceAccountName).toBe(rbac.serviceAccountName); }
    expect(objectsOf(chart, 'Role')).toHaveLength(1);
    expect(objectOf(chart, 'RoleBinding').subjects.map(({ name }: any) => name)).toEqual([rbac.serviceAccountName]);
  });

  test('can be granted further', () => {
    const chart = newChart();
    schedule(chart).rbac.grantView(SnapshotSubject.group('developers'));
    expect(objectOf(chart, 'Role', 'test-nightly-c8cafbfc-view').rules).toBeDefined();
  });

  test('throw when two service accounts are named', () => {
    const chart = newChart();
    expect(() => schedule(chart, { rbac: new SnapshotRbac(chart, 'Rights'), serviceAccountName: 'backup' })).toThrow(
      "[test/Nightly] 'serviceAccountName': the service account is that of rbac, got 'backup'; allowed one of the two; give it to the SnapshotRbac",
    );
  });

  test('throw when the service account cannot exist', () => {
    expect(() => schedule(newChart(), { serviceAccountName: 'Back_up' })).toThrow("'serviceAccountName': not a valid name, got 'Back_up'");
  });

  test('throw when they are of another namespace', () => {
    const rbac = new SnapshotRbac(newChart(), 'Rights');
    expect(() => schedule(newChart({ namespace: 'web' }), { rbac })).toThrow(
      "[test/Nightly] 'rbac': its rights are those of another namespace, 'db', got 'a schedule in namespace 'web''; "
      + 'allowed rights of the same namespace; define the two in one namespace',
    );
  });
});

test('the same program twice gives the same bytes, or every synth would be a change in Git', () => {
  const program = () => {
    const chart = newChart();
    schedule(chart, { source: SnapshotSource.fromStatefulSet(statefulSet(chart)) });
    schedule(chart, { schedule: Cron.hourly() }, 'Hourly');
    return Yaml.stringify(...chart.toJson());
  };
  expect(program()).toBe(program());
});

test('a second synth of the same tree gives the same bytes', () => {
  const chart = newChart();
  schedule(chart);
  expect(chart.toJson()).toEqual(chart.toJson());
});

describe('in a language without types, throws when', () => {
  test.each<[string, object, RegExp]>([
    ['a prop is misspelled', { retantion: 1 }, /'retantion': no such prop, got 1; .*; did you mean retention\?$/],
    ['there is no source', { source: undefined }, /'source': not a SnapshotSource, got undefined; .*; write for example SnapshotSource.fromClaimName\('...'\)$/],
    ['the source is a name', { source: 'data' }, /'source': not a SnapshotSource, got 'data';/],
    ['the source is a construct', { source: newChart() }, /'source': not a SnapshotSource, got construct at test;/],
    ['there is no schedule', { schedule: undefined }, /'schedule': not a Cron, got undefined;/],
    ['the schedule is text', { schedule: '@daily' }, /'schedule': not a Cron, got '@daily'; .*Cron.schedule/],
    ['the schedule has no expression', { schedule: { expressionString: undefined } }, /'schedule': not text, got undefined;/],
    ['the time zone is a number', { timeZone: 1 }, /'timeZone': not text, got 1;/],
    ['the class is a name', { snapshotClass: 'ebs' }, /'snapshotClass': not an ISnapshotClass, got 'ebs'; .*fromSnapshotClassName/],
    ['the class is a driver', { snapshotClass: CsiDriver.awsEbs() }, /'snapshotClass': not an ISnapshotClass, got a CsiDriver;/],
    ['the retention is an object', { retention: { keepLast: 3 } }, /'retention': not a RetentionPolicy, got \{"keepLast":3\}; .*RetentionPolicy.keepFor/],
    ['prunedStorage is another word', { prunedStorage: 'keep' }, /'prunedStorage': .*, got 'keep'; allowed RECLAIM \('Reclaim'\), KEEP \('Keep'\);/],
    ['a timeout is a number', { readyTimeout: 60 }, /'readyTimeout': not a Duration, got 60;/],
    ['the deadline is a number', { activeDeadline: 60 }, /'activeDeadline': not a Duration, got 60;/],
    ['the starting deadline is text', { startingDeadline: '1h' }, /'startingDeadline': not a Duration, got '1h';/],
    ['the stagger is a number', { stagger: 60 }, /'stagger': not a Duration, got 60; .*Duration.hours/],
    ['the stagger is null', { stagger: null }, /'stagger': not a Duration, got null;/],
    ['maxNotReady is text', { maxNotReady: '3' }, /'maxNotReady': out of range, got '3';/],
    ['dryRun is text', { dryRun: 'false' }, /'dryRun': not a boolean, got 'false';/],
    ['dryRun has another case', { dryrun: true }, /'dryrun': no such prop, got true; .*; did you mean dryRun\?$/],
    ['suspend is text', { suspend: 'false' }, /'suspend': not a boolean, got 'false';/],
    ['the history is too long', { failedJobsHistory: 2 ** 31 }, /'failedJobsHistory': out of range/],
    ['the name is null', { metadata: { name: null } }, /'metadata.name': not text, got null;/],
    ['the rights are a name', { rbac: 'rights' }, /'rbac': not a SnapshotRbac, got 'rights';/],
    ['an option of the pod is misspelled', { pod: { imagePullSecret: 'x' } }, /'pod.imagePullSecret': no such prop, .*; did you mean imagePullSecrets\?$/],
  ])('%s', (_, props, problem) => {
    const defined = () => schedule(newChart(), props);
    expect(defined).toThrow(/^\[test\/Nightly\] /);
    expect(defined).toThrow(problem);
  });

  test('what is added is no source', () => {
    expect(() => schedule(newChart()).addSource('data' as any)).toThrow(/^\[test\/Nightly\] 'source': not a SnapshotSource, got 'data';/);
  });
});
