import { ApiObjectMetadata, Duration, Names } from 'cdk8s';
import * as kplus from 'cdk8s-plus-27';
import { Construct } from 'constructs';
import { JobTrigger } from './job-trigger';
import { chartOf, requireMetadata, requireNamespace } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { requireKeptAlike, requirePendingWithinLimits } from './private/driver-limits';
import { SCHEDULED_MARK } from './private/marks';
import { OwnPart, runnerTemplate } from './private/runner-template';
import {
  driverOf, driverOfClass, OwnConfig, prunesStorage, quiesceConfigOf, renderRunConfig, requireReadyTimeout, requireRun, requireRunTypes, RUN_PROPS,
  takesReplicas,
} from './private/snapshot-run';
import { defineTriggeredJob, metadataOfNeeds, programOfHook, TriggeredJob } from './private/triggered-job';
import {
  KnownKeys, reject, requireBoolean, requireDnsLabel, requireDuration, requireKind, requireKnownKeys, requireLabels, requireList,
  requireOptional,
} from './private/validate';
import { RetentionPolicy } from './retention-policy';
import { AT_ONCE, ClaimSelection, KEYS, LONGEST_WAIT_SECONDS, MAX_NOT_READY } from './runner/config';
import { SnapshotRbac } from './snapshot-rbac';
import { SnapshotRestore, SnapshotRestoreProps } from './snapshot-restore';
import { SnapshotRunProps } from './snapshot-run-props';

/**
 * What is snapshotted before which upgrade.
 */
export interface PreUpgradeSnapshotProps extends SnapshotRunProps {
  /**
   * Name, labels and annotations of the Job; the name, without the revision, is also that of its service account, Role and
   * RoleBinding, and tells its snapshots from all others in the namespace. At most 43 characters.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * What starts it, and makes the upgrade wait for it.
   */
  readonly trigger: JobTrigger;

  /**
   * Snapshots of it that were cut within this time are used again, if there is one of each claim, so that a sync that changes
   * nothing takes none; whole seconds, from 0, which uses none again, to 1 day.
   *
   * What was written since is not in them.
   *
   * @default Duration.minutes(10)
   */
  readonly reuseWithin?: Duration;

  /**
   * Fail if a claim is not there, or has no volume yet, instead of taking that for the first installation.
   *
   * A claim that it has snapshots of, and that is gone, is a failure in any case.
   *
   * @default false
   */
  readonly claimsMustExist?: boolean;

  /**
   * Which of its snapshots are kept.
   *
   * A tool that tries a failed upgrade again takes one more each time, of what the upgrade has left: keep enough.
   *
   * @default RetentionPolicy.of({ keepLast: 5, keepFor: Duration.days(3) })
   */
  readonly retention?: RetentionPolicy;

  /**
   * How long the upgrade waits for the snapshots to be ready; whole seconds, to 7 days.
   *
   * Five minutes later it is a failure, whatever hinders the run, such as an image that cannot be pulled.
   *
   * @default Duration.minutes(15)
   */
  readonly readyTimeout?: Duration;

  /**
   * The namespaces of the claims, each with a Role and a RoleBinding: for the platform, before an upgrade of the cluster.
   *
   * The source is looked for in each of them, so it must be known by names or labels.
   *
   * @default - the namespace of the Job
   */
  readonly namespaces?: string[];
}

const PROPS: KnownKeys<PreUpgradeSnapshotProps> = {
  ...RUN_PROPS,
  metadata: true,
  trigger: true,
  reuseWithin: true,
  claimsMustExist: true,
  retention: true,
  readyTimeout: true,
  namespaces: true,
};

/** With a dash and a restore's own words behind it, it must fit a CronJob's 52 characters. */
const LONGEST_NAME = 43;
/** To schedule the pod, pull the image, retry a lost pod, and prune. */
const SLACK = Duration.minutes(5);

/**
 * A snapshot that an upgrade, or a migration, waits for, and does not go on without.
 *
 * Defines a Job with its service account, Role, RoleBinding, and where it is a hook the ConfigMap with its program, in the order
 * that they are needed in. The first installation, when there is no claim yet, passes.
 *
 * A storage that is broken must not keep back the upgrade that mends it: annotate the claims with
 * `cdk8s-volume-snapshots/upgrade-without-snapshot-until` and a time within the next 24 hours, such as `2027-01-31T18:00Z`. Until
 * then a failure to snapshot them is reported, and lets the upgrade go on.
 *
 * @see https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
 * @see https://helm.sh/docs/topics/charts_hooks/
 * @example
 * import { Chart } from 'cdk8s';
 * import { PreUpgradeSnapshot, SnapshotClass, SnapshotSource, JobTrigger } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * const before = new PreUpgradeSnapshot(chart, 'BeforeUpgrade', {
 *   metadata: { name: 'postgres-upgrade' },
 *   source: SnapshotSource.fromStatefulSetName('postgres', { templates: ['data'] }),
 *   snapshotClass: SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ebs'),
 *   trigger: JobTrigger.argoCd(),
 * });
 * before.addRestore('Rollback');
 */
export class PreUpgradeSnapshot extends Construct {
  /**
   * The name of the Job, without the revision, and of its service account, Role and RoleBinding.
   */
  public readonly name: string;

  /**
   * The namespace of the Job.
   */
  public readonly namespace: string;

  /**
   * What tells its snapshots from all others in a namespace: the value of their label `cdk8s-volume-snapshots/schedule`.
   */
  public readonly scheduleId: string;

  /**
   * Which of its snapshots are kept.
   */
  public readonly retention: RetentionPolicy;

  /**
   * How long the upgrade waits for the snapshots to be ready.
   */
  public readonly readyTimeout: Duration;

  /**
   * The namespaces of the claims.
   */
  public readonly namespaces: string[];

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct; a new id is a new name, unless the metadata have one
   * @param props what, before which upgrade
   * @throws if the namespace is not known, or a prop is not valid; the message names the construct, the prop and what to do
   */
  constructor(scope: Construct, id: string, private readonly props: PreUpgradeSnapshotProps) {
    super(scope, id);
    Object.defineProperty(this, SCHEDULED_MARK, { value: true });
    requireTypes(this, props);
    requireMetadata(this, props.metadata, LONGEST_NAME);
    this.namespace = requireNamespace(this, props.metadata, 'a role binding must name the namespace of its service account');
    this.name = props.metadata?.name ?? Names.toDnsLabel(this, { maxLen: LONGEST_NAME });
    this.scheduleId = this.name;
    this.retention = props.retention ?? RetentionPolicy.of({ keepLast: 5, keepFor: Duration.days(3) });
    this.readyTimeout = props.readyTimeout ?? Duration.minutes(15);
    requireReadyTimeout(this, this.readyTimeout);
    this.namespaces = props.namespaces ?? [this.namespace];
    this.validate();

    const job: TriggeredJob = {
      metadata: props.metadata,
      name: this.name,
      namespace: this.namespace,
      trigger: props.trigger._partsFor('pre-upgrade,pre-rollback'),
      // so many namespaces at once, each with its time
      activeDeadline: Duration.seconds(
        this.readyTimeout.toSeconds() * Math.ceil(this.namespaces.length / AT_ONCE) + this.longestPause() + SLACK.toSeconds(),
      ),
      hasScript: props.quiesce !== undefined,
    };
    if (job.trigger.isHook) { this.requireClassBefore(); }
    // what a Job needs comes before it in the file, since not every applier knows the order
    this.allow(metadataOfNeeds(job));
    const template = runnerTemplate(this, this.namespace, props.pod, programOfHook(this, job));
    defineTriggeredJob(this, job, () => this.renderTemplate(template));
    registerChartChecks(this);
  }

  /**
   * The rollback that belongs to the upgrade: a button that restores what the claims had before it.
   *
   * @param id the id of the restore; its name is that of this construct, a dash, and the id in lowercase
   * @param props what is different from other restores; all of it may be left out
   * @returns the restore, in the namespace of the Job
   * @throws if the claims are those of other namespaces, or a prop is not valid
   */
  public addRestore(id: string, props: SnapshotRestoreProps = {}): SnapshotRestore {
    if (this.props.namespaces) {
      reject(this, 'namespaces', {
        problem: 'a claim is restored in the namespace of its snapshot',
        got: this.namespaces,
        allowed: 'a SnapshotRestore in each namespace',
        fix: `define them there, with scheduleId: '${this.scheduleId}' and their source`,
      });
    }
    return new SnapshotRestore(this, id, {
      ...props,
      metadata: { name: `${this.name}-${id.toLowerCase()}`, namespace: this.namespace, ...props.metadata },
      scheduleId: this.scheduleId,
      source: takesReplicas(this.props) ? this.props.source._optional() : this.props.source,
    });
  }

  private validate(): void {
    const { maxNotReady, reuseWithin } = this.props;
    requireRun(this, this.props, this.readyTimeout);
    requirePendingWithinLimits(this, driverOf(this.props), maxNotReady ?? MAX_NOT_READY);
    requireKeptAlike(this, driverOfClass(this.props), this.retention._toRules('Etc/UTC'), undefined, prunesStorage(this.props));
    requireLabels(this, 'metadata.name', { [KEYS.schedule]: this.scheduleId });
    if (reuseWithin !== undefined) { requireDuration(this, 'reuseWithin', reuseWithin, Duration.seconds(0), Duration.days(1)); }
    if (this.namespaces.length === 0 || new Set(this.namespaces).size < this.namespaces.length) {
      reject(this, 'namespaces', { problem: 'none, or one of them twice', got: this.namespaces, allowed: 'each namespace once', fix: 'name them, or leave it out' });
    }
    this.namespaces.forEach(namespace => requireDnsLabel(this, 'namespaces', namespace));
  }

  /** A hook is run before the rest of its chart is there. */
  private requireClassBefore(): void {
    const { snapshotClass, groupSnapshotClass } = this.props;
    const here = [snapshotClass, groupSnapshotClass].find(each => each?.node.defaultChild && chartOf(each) === chartOf(this));
    if (!here) { return; }
    reject(this, 'snapshotClass', {
      problem: 'it is in the chart whose upgrade waits for the hook, and comes only after it',
      got: `the class at ${here.node.path}`,
      allowed: 'a class of another chart, or one by its name',
      fix: 'define it in a chart that is applied before, such as the one of the platform',
    });
  }

  /** So long a run may wait before it asks a driver that takes no two snapshots at short intervals; in seconds. */
  private longestPause(): number {
    return Math.min(driverOf(this.props)?.minimumInterval?.toSeconds() ?? 0, LONGEST_WAIT_SECONDS);
  }

  private allow(needs: ApiObjectMetadata): void {
    new kplus.ServiceAccount(this, 'ServiceAccount', { metadata: needs });
    for (const namespace of this.namespaces) {
      const id = namespace === this.namespace ? 'Rbac' : `Rbac-${namespace}`;
      const rbac = new SnapshotRbac(this, id, { metadata: { ...needs, namespace }, serviceAccountName: this.name });
      rbac._bindAccountOf(this.namespace);
      rbac._allowRun({
        groupedClaims: this.props.groupSnapshotClass && (() => this.selectClaims()),
        quiescedPods: this.props.quiesce && (() => quiesceConfigOf(this.props, this.selectClaims())?.podNames),
      });
    }
  }

  private selectClaims(): ClaimSelection[] {
    const { namespaces, source } = this.props;
    const { namespace, selections } = source._resolve(this, namespaces ? undefined : this.namespace);
    // in another one there would be nothing to snapshot, and a gate takes that for a first installation
    if (namespaces && namespace !== undefined && namespaces.some(each => each !== namespace)) {
      reject(this, 'source', {
        problem: 'it is of one namespace, and the others would be upgraded with no snapshot',
        got: `a source in namespace '${namespace}'`,
        allowed: 'names or labels of claims, which mean the same in each of the namespaces',
        fix: 'write SnapshotSource.fromClaimName, fromStatefulSetName or fromSelector, or leave the other namespaces out',
      });
    }
    return selections;
  }

  private renderTemplate(template: (own: OwnPart) => object): object {
    return template({
      scheduleId: this.scheduleId,
      serviceAccountName: this.name,
      config: renderRunConfig(this, this.props, this.ownConfig()),
      quiesceScript: this.props.quiesce?._script,
    });
  }

  private ownConfig(): OwnConfig {
    const { claimsMustExist, namespaces, reuseWithin = Duration.minutes(10) } = this.props;
    return {
      scheduleId: this.scheduleId,
      claims: this.selectClaims(),
      retention: this.retention._toRules('Etc/UTC'),
      readyTimeout: this.readyTimeout,
      gate: { reuseSeconds: reuseWithin.toSeconds(), claimsMustExist },
      namespaces,
    };
  }
}

/** What the compiler knows of the props already, for those who write in another language. */
function requireTypes(origin: PreUpgradeSnapshot, props: PreUpgradeSnapshotProps): void {
  requireKnownKeys(origin, props, PROPS);
  requireRunTypes(origin, props);
  requireKind(origin, 'trigger', props.trigger, 'JobTrigger');
  requireOptional(origin, 'reuseWithin', props.reuseWithin, 'Duration');
  requireOptional(origin, 'readyTimeout', props.readyTimeout, 'Duration');
  requireOptional(origin, 'retention', props.retention, 'RetentionPolicy');
  requireBoolean(origin, 'claimsMustExist', props.claimsMustExist);
  requireList(origin, 'namespaces', props.namespaces);
}
