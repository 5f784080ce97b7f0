import { App, Chart, Cron, Duration, Size } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import {
  CsiDriver, RestoredPvc, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotRef, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'shop';
const IMAGE = 'postgres:15';
const PGDATA = '/var/lib/postgresql/data/pgdata';

const app = new App();

// once per cluster, from the platform team's repository: how Longhorn takes
// snapshots, and the right to give back the storage of pruned ones
const platform = new Chart(app, 'platform');
const longhorn = new SnapshotClass(platform, 'Longhorn', {
  metadata: { name: 'longhorn-snapshot' },
  driver: CsiDriver.longhorn(),
});
new SnapshotReclaim(platform, 'Reclaim');

// the database; its password is in a secret that is not in Git:
//   kubectl -n shop create secret generic postgres --from-literal=password=...
const shop = new Chart(app, 'shop', { namespace: NAMESPACE });
const password: kplus.k8s.EnvVar = { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name: 'postgres', key: 'password' } } };
const labels = { app: 'postgres' };

new kplus.k8s.KubeService(shop, 'Service', {
  metadata: { name: 'postgres' },
  spec: { clusterIp: 'None', selector: labels, ports: [{ port: 5432 }] },
});
const postgres = new kplus.k8s.KubeStatefulSet(shop, 'Postgres', {
  metadata: { name: 'postgres' },
  spec: {
    serviceName: 'postgres',
    replicas: 1,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [{
          name: 'postgres',
          image: IMAGE,
          env: [password, { name: 'PGDATA', value: PGDATA }],
          ports: [{ containerPort: 5432 }],
          readinessProbe: { exec: { command: ['pg_isready', '-U', 'postgres'] }, periodSeconds: 5 },
          volumeMounts: [{ name: 'data', mountPath: '/var/lib/postgresql/data' }],
        }],
      },
    },
    volumeClaimTemplates: [{
      metadata: { name: 'data' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'longhorn',
        resources: { requests: { storage: kplus.k8s.Quantity.fromString('20Gi') } },
      },
    }],
  },
});

new ScheduledSnapshot(shop, 'Daily', {
  metadata: { name: 'postgres-daily' },
  source: SnapshotSource.fromStatefulSet(postgres),
  snapshotClass: longhorn,
  schedule: Cron.schedule({ hour: '3', minute: '15' }),
  timeZone: 'Europe/Berlin',
  retention: RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 3 }),
});

// on the day you need it: the snapshot you chose from `kubectl -n shop get volumesnapshots`,
// as a claim of its own beside the database
const recovery = new Chart(app, 'recovery', { namespace: NAMESPACE });
const restored = new RestoredPvc(recovery, 'Restored', {
  metadata: { name: 'postgres-restored' },
  snapshot: SnapshotRef.fromName('data-postgres-0-20260209-021500-5f3a9c1e'),
  size: Size.gibibytes(20),
  storageClassName: 'longhorn',
});

// a second server on the restored data, to look at it before you decide. It
// believes to be production, so it gets no labels of the service and no network
new kplus.k8s.KubeNetworkPolicy(recovery, 'NoNetwork', {
  metadata: { name: 'postgres-recovery' },
  spec: { podSelector: { matchLabels: { app: 'postgres-recovery' } }, policyTypes: ['Ingress', 'Egress'] },
});
const pod = new kplus.Pod(recovery, 'Recovery', {
  metadata: { name: 'postgres-recovery', labels: { app: 'postgres-recovery' } },
  automountServiceAccountToken: false,
  securityContext: { ensureNonRoot: false },
});
pod.addContainer({
  name: 'postgres',
  image: IMAGE,
  imagePullPolicy: kplus.ImagePullPolicy.IF_NOT_PRESENT,
  resources: {},
  securityContext: { ensureNonRoot: false, readOnlyRootFilesystem: false },
  envVariables: {
    PGDATA: kplus.EnvValue.fromValue(PGDATA),
    POSTGRES_PASSWORD: kplus.Secret.fromSecretName(recovery, 'Password', 'postgres').envValue('password'),
  },
  readiness: kplus.Probe.fromCommand(['pg_isready', '-U', 'postgres'], { periodSeconds: Duration.seconds(5) }),
}).mount('/var/lib/postgresql/data', kplus.Volume.fromPersistentVolumeClaim(recovery, 'Data', restored));

app.synth();
