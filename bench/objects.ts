import { Cron, Duration } from 'cdk8s';
import { apply, applyChart, DRIVER } from '../e2e/cluster';
import { CsiDriver, DeletionPolicy, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotSource } from 'cdk8s-volume-snapshots';

// what the runs need in the cluster

export const NAMESPACE = 'bench-runner';
export const CLAIMS = Array.from({ length: 20 }, (_, index) => `claim-${index}`);
/** For so many of the claims each figure is measured. */
export const COUNTS = [1, CLAIMS.length];
/** The service account of the script. */
export const SCRIPT_ACCOUNT = 'tutorial';

export interface ScheduleOptions {
  readonly count: number;
  readonly keep: number;
  readonly deletionPolicy?: DeletionPolicy;
  readonly parameters?: { [key: string]: string };
  readonly scheduleId?: string;
}

export const snapshotClassOf = (kind: string) => `bench-${kind}`;

/** Defines a schedule `<kind>-<count>`, with the class of that kind. */
export function schedule(kind: string, options: ScheduleOptions): string {
  const name = `${kind}-${options.count}`;
  applyChart(NAMESPACE, chart => {
    const [first, ...more] = CLAIMS.slice(0, options.count).map(each => SnapshotSource.fromClaimName(each));
    const made = new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name },
      source: first,
      snapshotClass: new SnapshotClass(chart, 'Class', {
        metadata: { name: snapshotClassOf(kind) },
        driver: CsiDriver.of(DRIVER, { parameters: options.parameters }),
        deletionPolicy: options.deletionPolicy ?? DeletionPolicy.DELETE,
      }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(options.keep),
      readyTimeout: Duration.minutes(2),
      scheduleId: options.scheduleId,
    });
    more.forEach(source => made.addSource(source));
  });
  return name;
}

/** What the script may do, which is less than tutorials give it. */
export function scriptRights(): void {
  const metadata = { name: SCRIPT_ACCOUNT, namespace: NAMESPACE };
  apply([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: ['snapshot.storage.k8s.io'], resources: ['volumesnapshots'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: SCRIPT_ACCOUNT },
      subjects: [{ kind: 'ServiceAccount', name: SCRIPT_ACCOUNT, namespace: NAMESPACE }],
    },
  ]);
}
