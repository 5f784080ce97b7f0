import { ApiObject, Duration, Yaml } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { newChart, objectOf, podOf, statefulSet } from './manifests';
import { RecoveryPod, RecoveryPodProps, RecoveryPreset } from '../src';

const CONTAINER = {
  name: 'postgres',
  image: 'postgres:15',
  env: [{ name: 'PGDATA', value: '/data/pg' }],
  ports: [{ containerPort: 5432, hostPort: 5432 }],
  readinessProbe: { exec: { command: ['pg_isready'] } },
  livenessProbe: { exec: { command: ['pg_isready'] } },
  lifecycle: { postStart: { exec: { command: ['register'] } } },
  volumeMounts: [{ name: 'data', mountPath: '/data' }, { name: 'config', mountPath: '/etc/postgres' }],
};
const SPEC = {
  serviceAccountName: 'postgres',
  hostNetwork: true,
  nodeSelector: { disk: 'ssd' },
  initContainers: [{ name: 'announce', image: 'busybox:1.36' }],
  containers: [CONTAINER, { name: 'exporter', image: 'exporter:1', volumeMounts: [{ name: 'cache', mountPath: '/cache' }] }],
  volumes: [{ name: 'config', configMap: { name: 'postgres' } }, { name: 'cache', emptyDir: {} }],
};

/** The chart of a recovery called `recovery` of a StatefulSet `postgres`, with what a test is about. */
function render(props: Partial<RecoveryPodProps> = {}, spec: object = {}) {
  const chart = newChart();
  const workload = statefulSet(chart, { template: { metadata: { labels: { app: 'postgres' } }, spec: { ...SPEC, ...spec } } });
  new RecoveryPod(chart, 'Recovery', { metadata: { name: 'recovery' }, workload, preset: RecoveryPreset.postgreSql(), ...props });
  return chart;
}
const pod = (props: Partial<RecoveryPodProps> = {}, spec: object = {}) => podOf(render(props, spec), 'recovery');

test('renders a button and what keeps its pod alone', () => {
  expect(Yaml.stringify(...render().toJson().filter(({ kind }) => kind !== 'StatefulSet'))).toMatchInlineSnapshot(`
"apiVersion: batch/v1
kind: CronJob
metadata:
  annotations:
    kustomize.toolkit.fluxcd.io/substitute: disabled
  name: recovery
  namespace: db
spec:
  concurrencyPolicy: Forbid
  jobTemplate:
    metadata:
      labels:
        velero.io/exclude-from-backup: "true"
    spec:
      activeDeadlineSeconds: 28800
      backoffLimit: 0
      template:
        metadata:
          annotations:
            cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
            karpenter.sh/do-not-disrupt: "true"
            linkerd.io/inject: disabled
          labels:
            cdk8s-volume-snapshots/recovery: recovery
            kuma.io/sidecar-injection: disabled
            sidecar.istio.io/inject: "false"
            velero.io/exclude-from-backup: "true"
        spec:
          automountServiceAccountToken: false
          containers:
            - args:
                - -c
                - archive_mode=off
                - -c
                - archive_cleanup_command=
                - -c
                - max_logical_replication_workers=0
                - -c
                - primary_conninfo=
                - -c
                - recovery_end_command=
                - -c
                - restore_command=
                - -c
                - shared_preload_libraries=
                - -c
                - synchronous_standby_names=
              env:
                - name: PGDATA
                  value: /data/pg
              image: postgres:15
              name: postgres
              readinessProbe:
                exec:
                  command:
                    - pg_isready
              volumeMounts:
                - mountPath: /data
                  name: data
                - mountPath: /etc/postgres
                  name: config
          dnsConfig:
            nameservers:
              - 127.0.0.1
          dnsPolicy: None
          enableServiceLinks: false
          nodeSelector:
            disk: ssd
          restartPolicy: Never
          volumes:
            - name: data
              persistentVolumeClaim:
                claimName: data-recovery-0
            - configMap:
                name: postgres
              name: config
  schedule: 0 0 1 1 *
  suspend: true
  timeZone: Etc/UTC
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: recovery
  namespace: db
spec:
  podSelector:
    matchLabels:
      cdk8s-volume-snapshots/recovery: recovery
  policyTypes:
    - Egress
    - Ingress
"
`);
});

describe('what would tie it to production is left out', () => {
  test('labels, by which Services would find it', () => {
    expect(Object.keys(pod().metadata.labels)).not.toContain('app');
  });

  test('the service account, the network of the node, and init containers', () => {
    const { spec } = pod();
    expect(spec).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false });
    expect(Object.keys(spec)).not.toEqual(expect.arrayContaining(['serviceAccountName']));
    expect([spec.hostNetwork, spec.initContainers, spec.containers.length]).toEqual([undefined, undefined, 1]);
  });

  test('ports of the node, hooks, and the probe that kills a server that replays its log', () => {
    const [container] = pod().spec.containers;
    expect([container.ports, container.lifecycle, container.livenessProbe]).toEqual([undefined, undefined, undefined]);
  });

  test('tokens in projected volumes', () => {
    const volumes = [{ name: 'config', projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'c' } }] } }];
    expect(pod({}, { volumes }).spec.volumes).toContainEqual({ name: 'config', projected: { sources: [{ configMap: { name: 'c' } }] } });
  });

  test('volumes that only other containers mount', () => {
    expect(pod().spec.volumes.map(({ name }: any) => name)).toEqual(['data', 'config']);
  });
});

test('nothing may reach it, and it may reach nothing', () => {
  const chart = render();
  const { spec } = objectOf(chart, 'NetworkPolicy');
  expect(spec).toEqual({ podSelector: { matchLabels: { 'cdk8s-volume-snapshots/recovery': 'recovery' } }, policyTypes: ['Egress', 'Ingress'] });
  expect(podOf(chart, 'recovery').metadata.labels).toMatchObject(spec.podSelector.matchLabels);
});

describe('claims', () => {
  test('of a StatefulSet are those that a restore makes for a set of this name', () => {
    expect(pod().spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-recovery-0' } });
  });

  test('are those that are named', () => {
    expect(pod({ claims: { data: 'restored' } }).spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'restored' } });
  });

  test('of a Deployment must be named, or production would be mounted', () => {
    const chart = newChart();
    const claim = kplus.PersistentVolumeClaim.fromClaimName(chart, 'Claim', 'uploads');
    const workload = new kplus.Deployment(chart, 'App');
    workload.addContainer({ image: 'nginx:1' }).mount('/data', kplus.Volume.fromPersistentVolumeClaim(chart, 'Data', claim, { name: 'data' }));
    new RecoveryPod(chart, 'Recovery', { metadata: { name: 'recovery' }, workload, preset: RecoveryPreset.of([]), claims: {} });
    expect(() => chart.toJson()).toThrow(
      "[test/Recovery] 'claims': volume 'data' is one of production, which a recovery must not touch, got 'uploads'; allowed a restored claim in its place; of others, configMap, downwardAPI, emptyDir, projected, secret; write claims: { 'data': '...' }");
  });

  test.each([
    { hostPath: { path: '/var/lib/x' } }, { ephemeral: { volumeClaimTemplate: {} } }, { nfs: { server: 'nas', path: '/' } }, { csi: { driver: 'x' } },
  ])('must take the place of %j', volume => {
    expect(() => pod({}, { volumes: [{ name: 'config', ...volume }] })).toThrow("volume 'config' is one of production");
  });

  test('of volumes that are not there are refused', () => {
    expect(() => pod({ claims: { wal: 'restored' } })).toThrow("'claims.wal': the workload has no such volume, got 'wal'; allowed 'data', 'config', 'cache'; correct the name");
  });
});

describe('further claims', () => {
  test.each(['data-postgres-0', 'data-postgres-12'])('of production are refused: %s', claim => {
    expect(() => pod({ claims: { data: claim } })).toThrow(`'claims.data': the claim is one of production, which a recovery must not touch, got '${claim}'`);
  });

  test('of production are refused in a Deployment too', () => {
    expect(() => pod({ claims: { config: 'wiki' } }, { volumes: [{ name: 'config', persistentVolumeClaim: { claimName: 'wiki' } }] }))
      .toThrow("'claims.config': the claim is one of production");
  });

  test('are those of the first replica, which may have another number', () => {
    const chart = newChart();
    const workload = statefulSet(chart, { ordinals: { start: 3 }, template: { spec: SPEC } });
    new RecoveryPod(chart, 'Recovery', { metadata: { name: 'recovery' }, workload, preset: RecoveryPreset.of([]) });
    expect(podOf(chart, 'recovery').spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-recovery-3' } });
  });
});

describe('the place where it runs', () => {
  test('is chosen by nodes, and not by other pods, which would keep production from its place', () => {
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } };
    const { spec } = pod({}, { affinity: { nodeAffinity, podAntiAffinity: {} }, priorityClassName: 'high', tolerations: [{ operator: 'Exists' }] });
    expect(spec).toMatchObject({ affinity: { nodeAffinity }, tolerations: [{ operator: 'Exists' }], nodeSelector: { disk: 'ssd' } });
    expect([spec.affinity.podAntiAffinity, spec.priorityClassName]).toEqual([undefined, undefined]);
    expect(pod({}, { affinity: { podAntiAffinity: {} } }).spec.affinity).toBeUndefined();
  });

  test('has no names of others', () => {
    expect(pod().spec).toMatchObject({ dnsPolicy: 'None', dnsConfig: { nameservers: ['127.0.0.1'] } });
  });

  test('has the service account that the image needs, without its token', () => {
    expect(pod({ serviceAccountName: 'anyuid' }).spec).toMatchObject({ serviceAccountName: 'anyuid', automountServiceAccountToken: false });
  });
});

describe('the container', () => {
  test('is the first one, or the one that is named', () => {
    expect(pod().spec.containers[0].name).toBe('postgres');
    expect(pod({ container: 'exporter', preset: RecoveryPreset.of([]) }).spec.containers[0].name).toBe('exporter');
    expect(() => pod({ container: 'db' })).toThrow("'container': the workload has no such container, got 'db'; allowed 'postgres', 'exporter'; correct the name");
  });

  test('has its own arguments, and those of the preset behind them', () => {
    const containers = [{ ...CONTAINER, args: ['postgres', '-c', 'shared_buffers=1GB'] }];
    expect(pod({}, { containers }).spec.containers[0].args.slice(0, 5)).toEqual(['postgres', '-c', 'shared_buffers=1GB', '-c', 'archive_mode=off']);
  });
});

describe('a container that runs a shell', () => {
  const containers = [{ ...CONTAINER, command: ['/bin/bash'], args: ['-ec', 'exec /start.sh'] }];

  test('is refused, since it would not hand the options on', () => {
    expect(() => pod({}, { containers })).toThrow("'command': container 'postgres' runs a shell, which would not hand the options of the preset on, so that the software acts as production");
  });

  test('is started by another command, with the options behind it', () => {
    const [container] = pod({ command: ['docker-entrypoint.sh', 'postgres'] }, { containers }).spec.containers;
    expect([container.command, container.args.slice(0, 2)]).toEqual([['docker-entrypoint.sh', 'postgres'], ['-c', 'archive_mode=off']]);
  });

  test('may be one that reaches out to nobody', () => {
    expect(pod({ preset: RecoveryPreset.of([]) }, { containers }).spec.containers[0]).toMatchObject({ command: ['/bin/bash'], args: ['-ec', 'exec /start.sh'] });
  });
});

test('it ends after its time, is not started again, and never by itself', () => {
  const { spec } = objectOf(render({ lifetime: Duration.hours(1) }), 'CronJob');
  expect(spec).toMatchObject({ suspend: true, jobTemplate: { spec: { activeDeadlineSeconds: 3600, backoffLimit: 0 } } });
});

test.each<[string, RecoveryPreset, string]>([
  ['PostgreSQL', RecoveryPreset.postgreSql(), '-c archive_mode=off -c archive_cleanup_command= -c max_logical_replication_workers=0 -c primary_conninfo= '
    + '-c recovery_end_command= -c restore_command= -c shared_preload_libraries= -c synchronous_standby_names='],
  ['PostgreSQL with a library and an archive', RecoveryPreset.postgreSql({ preloadLibraries: 'timescaledb', restoreCommand: 'cp /wal/%f %p' }),
    '-c archive_mode=off -c archive_cleanup_command= -c max_logical_replication_workers=0 -c primary_conninfo= '
    + '-c recovery_end_command= -c restore_command=cp /wal/%f %p -c shared_preload_libraries=timescaledb -c synchronous_standby_names='],
  ['MariaDB', RecoveryPreset.mariaDb(), '--skip-slave-start --event-scheduler=DISABLED --loose-wsrep-on=OFF'],
  ['MySQL', RecoveryPreset.mySql(), '--skip-replica-start --event-scheduler=DISABLED --loose-group-replication-start-on-boot=OFF --persisted-globals-load=OFF'],
  ['Redis', RecoveryPreset.redis(), '--replicaof no one --cluster-enabled no'],
  ['others', RecoveryPreset.of(['--read-only']), '--read-only'],
])('%s is kept from reaching out', (_, { options }, expected) => {
  expect(options.join(' ')).toBe(expected);
});

test.each<[string, Partial<RecoveryPodProps>, string]>([
  ['a workload that is a word', { workload: 'postgres' as never }, "'workload': it has no object to take a pod from, got 'postgres'"],
  ['a preset that is a word', { preset: 'postgres' as never }, "'preset': not a RecoveryPreset"],
  ['a claim that cannot be', { claims: { data: 'No Name' } }, "'claims.data'"],
  ['no time', { lifetime: Duration.seconds(5) }, "'lifetime': out of range"],
  ['a name that no Job can have', { metadata: { name: 'r'.repeat(53) } }, "'metadata.name'"],
  ['a misspelt prop', { claim: {} } as object, 'did you mean claims?'],
])('%s is refused', (_, props, message) => {
  expect(() => pod(props)).toThrow(message);
});

test('an object without a pod is refused', () => {
  const chart = newChart();
  const workload = new ApiObject(chart, 'Map', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'map' } });
  new RecoveryPod(chart, 'Recovery', { workload, preset: RecoveryPreset.of([]) });
  expect(() => chart.toJson()).toThrow("'workload': it has no pod template, got 'ConfigMap 'map''");
});

test('options that are no list of words are refused', () => {
  expect(() => RecoveryPreset.of('--read-only' as never)).toThrow("[RecoveryPreset.of] 'options'");
  expect(() => RecoveryPreset.of([7 as never])).toThrow("[RecoveryPreset.of] 'options'");
});
