import { App, Chart, Size } from 'cdk8s';
import { RestoredPvc, Snapshot, SnapshotClass, SnapshotRef, SnapshotSource } from 'cdk8s-volume-snapshots';

const app = new App();
const chart = new Chart(app, 'migration', { namespace: 'shop' });

// the id and name say what it is from: the next migration gets a new one
const before = new Snapshot(chart, 'BeforeVersion15', {
  metadata: { name: 'before-version-15' },
  source: SnapshotSource.fromClaimName('data-postgres-0'),
  snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'longhorn-snapshot'),
});

// the same data in a second claim, to rehearse the migration on
new RestoredPvc(chart, 'Rehearsal', {
  metadata: { name: 'postgres-rehearsal' },
  snapshot: SnapshotRef.fromSnapshot(before),
  size: Size.gibibytes(20),
  storageClassName: 'longhorn',
});

app.synth();
