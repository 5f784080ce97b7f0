import { App, Chart, Cron, Duration } from 'cdk8s';
import { CsiDriver, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource } from 'cdk8s-volume-snapshots';

const app = new App();

const platform = new Chart(app, 'platform');
const ebs = new SnapshotClass(platform, 'Ebs', { driver: CsiDriver.awsEbs() }); // retains unless told otherwise
new SnapshotReclaim(platform, 'Reclaim'); // once per cluster: lets schedules give retained storage back

const shop = new Chart(app, 'shop', { namespace: 'shop' });
new ScheduledSnapshot(shop, 'Nightly', {
  source: SnapshotSource.fromClaimName('data-postgres-0'),
  snapshotClass: ebs,
  schedule: Cron.schedule({ hour: '3', minute: '15' }),
  timeZone: 'Europe/Berlin',
  retention: RetentionPolicy.of({ keepFor: Duration.days(7), minimumReady: 3 }),
});

app.synth();
