import io.github.cdk8svolumesnapshots.CsiDriver;
import io.github.cdk8svolumesnapshots.RetentionPolicy;
import io.github.cdk8svolumesnapshots.RetentionPolicyOptions;
import io.github.cdk8svolumesnapshots.ScheduledSnapshot;
import io.github.cdk8svolumesnapshots.SnapshotClass;
import io.github.cdk8svolumesnapshots.SnapshotReclaim;
import io.github.cdk8svolumesnapshots.SnapshotSource;
import org.cdk8s.App;
import org.cdk8s.Chart;
import org.cdk8s.ChartProps;
import org.cdk8s.Cron;
import org.cdk8s.CronOptions;
import org.cdk8s.Duration;

public class QuickStart {
    public static void main(String[] args) {
        App app = new App();

        Chart platform = new Chart(app, "platform");
        SnapshotClass ebs = SnapshotClass.Builder.create(platform, "Ebs")
            .driver(CsiDriver.awsEbs()) // retains unless told otherwise
            .build();
        new SnapshotReclaim(platform, "Reclaim"); // once per cluster: lets schedules give retained storage back

        Chart shop = new Chart(app, "shop", ChartProps.builder().namespace("shop").build());
        ScheduledSnapshot.Builder.create(shop, "Nightly")
            .source(SnapshotSource.fromClaimName("data-postgres-0"))
            .snapshotClass(ebs)
            .schedule(Cron.schedule(CronOptions.builder().hour("3").minute("15").build()))
            .timeZone("Europe/Berlin")
            .retention(RetentionPolicy.of(RetentionPolicyOptions.builder().keepFor(Duration.days(7)).minimumReady(3).build()))
            .build();

        app.synth();
    }
}
