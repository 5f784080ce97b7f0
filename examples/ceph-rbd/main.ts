import { App, Chart, Cron } from 'cdk8s';
import { CsiDriver, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource } from 'cdk8s-volume-snapshots';

const app = new App();

// Rook's operator runs in rook-ceph; the driver takes snapshots with its provisioner's secret
const platform = new Chart(app, 'platform');
const rbd = new SnapshotClass(platform, 'Rbd', {
  metadata: { name: 'rook-ceph-block' },
  driver: CsiDriver.cephRbd({
    clusterId: 'rook-ceph',
    operatorNamespace: 'rook-ceph',
    snapshotterSecret: { name: 'rook-csi-rbd-provisioner', namespace: 'rook-ceph' },
  }),
  defaultClass: true,
});
new SnapshotReclaim(platform, 'Reclaim', { namespaces: ['wiki'] });

// every claim of the wiki that carries the label when a run starts
const wiki = new Chart(app, 'wiki', { namespace: 'wiki' });
new ScheduledSnapshot(wiki, 'Hourly', {
  metadata: { name: 'wiki-hourly' },
  source: SnapshotSource.fromSelector({ backup: 'hourly' }),
  snapshotClass: rbd,
  schedule: Cron.schedule({ minute: '20' }),
  timeZone: 'Europe/Berlin',
  retention: RetentionPolicy.keepLast(48),
});

app.synth();
