import { App, Chart, Cron, Duration } from 'cdk8s';
import { CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

const app = new App();
const chart = new Chart(app, 'uploads', { namespace: 'web' });

// under Delete the snapshots of a namespace are gone with it, but nothing else needs to be installed to prune them
const ebs = new SnapshotClass(chart, 'Ebs', {
  metadata: { name: 'ebs-uploads' },
  driver: CsiDriver.awsEbs({ tags: { team: 'web', backup: 'uploads' } }),
  deletionPolicy: DeletionPolicy.DELETE,
});

new ScheduledSnapshot(chart, 'SixHourly', {
  metadata: { name: 'uploads-six-hourly' },
  source: SnapshotSource.fromClaimName('uploads'),
  snapshotClass: ebs,
  schedule: Cron.schedule({ hour: '*/6', minute: '10' }),
  retention: RetentionPolicy.of({ keepFor: Duration.days(3), minimumReady: 4 }),
});

app.synth();
