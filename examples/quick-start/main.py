from cdk8s import App, Chart, Cron, Duration
from cdk8s_volume_snapshots import CsiDriver, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotReclaim, SnapshotSource

app = App()

platform = Chart(app, "platform")
ebs = SnapshotClass(platform, "Ebs", driver=CsiDriver.aws_ebs())  # retains unless told otherwise
SnapshotReclaim(platform, "Reclaim")  # once per cluster: lets schedules give retained storage back

shop = Chart(app, "shop", namespace="shop")
ScheduledSnapshot(
    shop,
    "Nightly",
    source=SnapshotSource.from_claim_name("data-postgres-0"),
    snapshot_class=ebs,
    schedule=Cron.schedule(hour="3", minute="15"),
    time_zone="Europe/Berlin",
    retention=RetentionPolicy.of(keep_for=Duration.days(7), minimum_ready=3),
)

app.synth()
