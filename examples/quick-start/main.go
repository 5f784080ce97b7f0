package main

import (
	"github.com/aws/jsii-runtime-go"
	"github.com/cdk8s-team/cdk8s-core-go/cdk8s/v2"
	snapshots "github.com/cdk8s-volume-snapshots/cdk8s-volume-snapshots-go/volumesnapshots"
)

func main() {
	app := cdk8s.NewApp(nil)

	platform := cdk8s.NewChart(app, jsii.String("platform"), nil)
	ebs := snapshots.NewSnapshotClass(platform, jsii.String("Ebs"), &snapshots.SnapshotClassProps{
		Driver: snapshots.CsiDriver_AwsEbs(nil), // retains unless told otherwise
	})
	snapshots.NewSnapshotReclaim(platform, jsii.String("Reclaim"), nil) // once per cluster: lets schedules give retained storage back

	shop := cdk8s.NewChart(app, jsii.String("shop"), &cdk8s.ChartProps{Namespace: jsii.String("shop")})
	snapshots.NewScheduledSnapshot(shop, jsii.String("Nightly"), &snapshots.ScheduledSnapshotProps{
		Source:        snapshots.SnapshotSource_FromClaimName(jsii.String("data-postgres-0")),
		SnapshotClass: ebs,
		Schedule:      cdk8s.Cron_Schedule(&cdk8s.CronOptions{Hour: jsii.String("3"), Minute: jsii.String("15")}),
		TimeZone:      jsii.String("Europe/Berlin"),
		Retention: snapshots.RetentionPolicy_Of(&snapshots.RetentionPolicyOptions{
			KeepFor:      cdk8s.Duration_Days(jsii.Number(7)),
			MinimumReady: jsii.Number(3),
		}),
	})

	app.Synth()
}
