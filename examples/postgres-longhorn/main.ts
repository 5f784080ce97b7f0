import { App, Chart, Cron, Duration } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import {
  CsiDriver, DrillCheck, RecoveryPod, RecoveryPreset, RestoreDrill, RestoreNames, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotCoverage,
  SnapshotReclaim, SnapshotRestore, SnapshotSource,
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
  // snapshots in the volume are good for what a person breaks; with a backup target, take LonghornSnapshotType.BACKUP
  mayBeLostWithVolume: true,
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

const daily = new ScheduledSnapshot(shop, 'Daily', {
  metadata: { name: 'postgres-daily' },
  source: SnapshotSource.fromStatefulSet(postgres),
  snapshotClass: longhorn,
  schedule: Cron.schedule({ hour: '3', minute: '15' }),
  timeZone: 'Europe/Berlin',
  retention: RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 3 }),
});

// every Sunday, the newest snapshot is restored, a server is started on it, and asked;
// then all of that is taken away
new RestoreDrill(shop, 'Drill', {
  metadata: { name: 'postgres-drill' },
  schedule: daily,
  workload: postgres,
  check: DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1000 }),
});

// on the day you need it: a server on restored data, to look at before you decide. It
// believes to be production, so it gets no labels of the service and no network
const recovery = new RecoveryPod(shop, 'Recovery', {
  metadata: { name: 'postgres-recovery' },
  workload: postgres,
  preset: RecoveryPreset.postgreSql(),
});
// and what makes its claims:
//   kubectl -n shop create job postgres-restore-1 --from=cronjob/postgres-restore
//   kubectl -n shop create job postgres-recovery-1 --from=cronjob/postgres-recovery
new SnapshotRestore(shop, 'Restore', {
  metadata: { name: 'postgres-restore' },
  schedule: daily,
  names: RestoreNames.forStatefulSet(recovery.name),
});

// whoever adds a claim to the shop gives it a schedule, or a reason why it needs none
new SnapshotCoverage(shop, 'Coverage', { maximumLoss: Duration.hours(25), requireDrill: true });

app.synth();
