import { App, Chart, Cron, Duration } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import {
  CsiDriver, DrillCheck, JobTrigger, PreUpgradeSnapshot, Quiesce, RecoveryPod, RecoveryPreset, RestoreDrill, RestoreNames, RetentionPolicy,
  ScheduledSnapshot, SnapshotAlerts, SnapshotClass, SnapshotCoverage, SnapshotDashboard, SnapshotHoldGuard, SnapshotMetrics, SnapshotOrphans,
  SnapshotReclaim, SnapshotRestore, SnapshotSource, SnapshotSubject, VeleroHook, VeleroRestore, VeleroRestoreSource, VeleroSchedule,
  VeleroStorageLocation, VeleroVolumes,
} from 'cdk8s-volume-snapshots';

/**
 * The storage of a cluster: what is different between this one and the next.
 */
export interface Storage {
  readonly driver: CsiDriver;
  readonly storageClassName: string;
}

const NAMESPACE = 'whole-shop';
const MONITORING = 'whole-monitoring';
/** What is deployed; the snapshot before an upgrade is taken once for each. */
const RELEASE = '1.0.0';

/** A shop with a PostgreSQL, and all that watches over its data; a chart for each team that applies one. */
export function defineShop(app: App, storage: Storage): SnapshotCoverage {
  // the platform team, once per cluster
  const platform = new Chart(app, 'platform');
  const snapshotClass = new SnapshotClass(platform, 'Class', {
    metadata: { name: 'whole-shop' },
    driver: storage.driver,
    // Velero takes its snapshots with the same class
    veleroClass: true,
  });
  new SnapshotReclaim(platform, 'Reclaim', { namespaces: [NAMESPACE] });
  new SnapshotHoldGuard(platform, 'HoldGuard', { releasers: [SnapshotSubject.group('platform-team')] });

  // the shop's team
  const shop = new Chart(app, 'shop', { namespace: NAMESPACE });
  const postgres = definePostgres(shop, storage.storageClassName);
  const source = SnapshotSource.fromStatefulSet(postgres);
  const quiesce = Quiesce.postgreSql();
  const daily = new ScheduledSnapshot(shop, 'Daily', {
    metadata: { name: 'postgres-daily' },
    source,
    snapshotClass,
    schedule: Cron.schedule({ hour: '3', minute: '15' }),
    timeZone: 'Europe/Berlin',
    retention: RetentionPolicy.oneYear(),
    quiesce,
  });
  new RestoreDrill(shop, 'Drill', {
    metadata: { name: 'postgres-drill' },
    schedule: daily,
    workload: postgres,
    check: DrillCheck.postgreSql({ query: 'SELECT count(*) FROM orders', atLeast: 1000 }),
  });
  const recovery = new RecoveryPod(shop, 'Recovery', { metadata: { name: 'postgres-recovery' }, workload: postgres, preset: RecoveryPreset.postgreSql() });
  new SnapshotRestore(shop, 'Restore', { metadata: { name: 'postgres-restore' }, schedule: daily, names: RestoreNames.forStatefulSet(recovery.name) });
  const coverage = new SnapshotCoverage(shop, 'Coverage', {
    maximumLoss: Duration.hours(25), minimumReach: Duration.days(365), requireConsistent: true, requireDrill: true,
  });

  // applied, and waited for, before the chart of the shop:
  //   kubectl -n whole-shop wait job/postgres-upgrade-1.0.0 --for=condition=complete --timeout=25m
  const upgrade = new Chart(app, 'before-upgrade', { namespace: NAMESPACE });
  const before = new PreUpgradeSnapshot(upgrade, 'BeforeUpgrade', {
    metadata: { name: 'postgres-upgrade' }, source, snapshotClass, quiesce, trigger: JobTrigger.job({ revision: RELEASE }),
  });
  before.addRestore('Rollback');

  // those who run Prometheus, Grafana and kube-state-metrics
  const monitoring = new Chart(app, 'monitoring', { namespace: MONITORING });
  new SnapshotMetrics(monitoring, 'Metrics', { metadata: { name: 'snapshot-metrics' } });
  new SnapshotOrphans(monitoring, 'Orphans', { metadata: { name: 'snapshot-orphans' } });
  new SnapshotAlerts(monitoring, 'Alerts', { metadata: { name: 'snapshot-alerts' }, within: app, snapshotMetrics: true });
  new SnapshotDashboard(monitoring, 'Dashboard', { metadata: { name: 'snapshot-dashboard' }, within: app, snapshotMetrics: true });

  // off-site, by Velero, in another bucket than anything else
  const offSite = new Chart(app, 'off-site');
  const bucket = new VeleroStorageLocation(offSite, 'Bucket', {
    metadata: { name: 'off-site' },
    provider: 'aws',
    bucket: 'whole-shop-off-site',
    config: { region: 'eu-west-1' },
    credential: { name: 'velero-off-site', key: 'cloud' },
  });
  const weekly = new VeleroSchedule(offSite, 'Weekly', {
    metadata: { name: 'whole-shop-weekly' },
    schedule: Cron.schedule({ minute: '30', hour: '4', weekDay: '0' }),
    timeZone: 'Europe/Berlin',
    includedNamespaces: [NAMESPACE],
    storageLocation: bucket,
    volumes: VeleroVolumes.moved(),
    hooks: [VeleroHook.fromQuiesce(quiesce, { podLabels: LABELS, namespaces: [NAMESPACE] })],
    timeToLive: Duration.days(90),
  });
  // into staging, beside the original; applied on the day when it is wanted
  const staging = new Chart(app, 'staging');
  new VeleroRestore(staging, 'Staging', {
    metadata: { name: 'whole-shop-to-staging' },
    source: VeleroRestoreSource.newestOfSchedule(weekly),
    namespaceMapping: { [NAMESPACE]: 'whole-shop-staging' },
  });
  return coverage;
}

const LABELS = { app: 'postgres' };
const PGDATA = '/var/lib/postgresql/data/pgdata';

/** The password is in a secret that is not in Git: kubectl -n whole-shop create secret generic postgres --from-literal=password=... */
function definePostgres(shop: Chart, storageClassName: string): kplus.k8s.KubeStatefulSet {
  new kplus.k8s.KubeService(shop, 'Service', {
    metadata: { name: 'postgres' },
    spec: { clusterIp: 'None', selector: LABELS, ports: [{ port: 5432 }] },
  });
  return new kplus.k8s.KubeStatefulSet(shop, 'Postgres', {
    metadata: { name: 'postgres' },
    spec: {
      serviceName: 'postgres',
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: {
        metadata: { labels: LABELS },
        spec: {
          containers: [{
            name: 'postgres',
            image: 'postgres:15',
            env: [
              { name: 'POSTGRES_PASSWORD', valueFrom: { secretKeyRef: { name: 'postgres', key: 'password' } } },
              { name: 'PGDATA', value: PGDATA },
            ],
            ports: [{ containerPort: 5432 }],
            readinessProbe: { exec: { command: ['pg_isready', '-U', 'postgres'] }, periodSeconds: 5 },
            volumeMounts: [{ name: 'data', mountPath: '/var/lib/postgresql/data' }],
          }],
        },
      },
      volumeClaimTemplates: [{
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: kplus.k8s.Quantity.fromString('1Gi') } } },
      }],
    },
  });
}
