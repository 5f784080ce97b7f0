import { App, Chart, Cron, Duration } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import {
  CsiDriver, Quiesce, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource,
} from 'cdk8s-volume-snapshots';

const app = new App();

// once per cluster, from the platform team's repository
const platform = new Chart(app, 'platform');
const ebs = new SnapshotClass(platform, 'Ebs', {
  metadata: { name: 'ebs-snapshot' },
  driver: CsiDriver.awsEbs(),
});
new SnapshotReclaim(platform, 'Reclaim', { namespaces: ['orders'] });

// the database; its password is in a secret that is not in Git:
//   kubectl -n orders create secret generic mariadb --from-literal=password=...
const orders = new Chart(app, 'orders', { namespace: 'orders' });
const labels = { app: 'mariadb' };

new kplus.k8s.KubeService(orders, 'Service', {
  metadata: { name: 'mariadb' },
  spec: { clusterIp: 'None', selector: labels, ports: [{ port: 3306 }] },
});
const mariadb = new kplus.k8s.KubeStatefulSet(orders, 'MariaDb', {
  metadata: { name: 'mariadb' },
  spec: {
    serviceName: 'mariadb',
    replicas: 1, // so the pod is known to be mariadb-0, and the schedule may execute commands in no other
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [{
          name: 'mariadb',
          image: 'mariadb:10.11',
          env: [{ name: 'MARIADB_ROOT_PASSWORD', valueFrom: { secretKeyRef: { name: 'mariadb', key: 'password' } } }],
          ports: [{ containerPort: 3306 }],
          readinessProbe: { exec: { command: ['healthcheck.sh', '--connect', '--innodb_initialized'] }, periodSeconds: 10 },
          volumeMounts: [{ name: 'data', mountPath: '/var/lib/mysql' }],
        }],
      },
    },
    volumeClaimTemplates: [{
      metadata: { name: 'data' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'gp3',
        resources: { requests: { storage: kplus.k8s.Quantity.fromString('50Gi') } },
      },
    }],
  },
});

// commits wait while the volume is cut, for 20 seconds at most; the password is
// read in the container. If MariaDB is not held until the cut, the run fails
new ScheduledSnapshot(orders, 'Nightly', {
  metadata: { name: 'mariadb-nightly' },
  source: SnapshotSource.fromStatefulSet(mariadb),
  snapshotClass: ebs,
  schedule: Cron.schedule({ hour: '3', minute: '45' }),
  timeZone: 'Europe/Berlin',
  retention: RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 3 }),
  quiesce: Quiesce.mariaDb({ container: 'mariadb', maxHold: Duration.seconds(20) }),
});

app.synth();
