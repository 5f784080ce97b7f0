import { ApiObject, ApiObjectMetadata, Duration, Lazy } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { literalMetadata, requireMetadata } from './private/api';
import { registerChartChecks } from './private/chart-checks';
import { LONGEST_CRON_JOB_NAME, NEVER } from './private/cron-job';
import { isolatedPod, refuseTraffic, requireWorkload, templatesOf } from './private/isolated-pod';
import { KnownKeys, requireDuration, requireKind, requireKnownKeys, requireList, requireName, requireText } from './private/validate';
import { RecoveryPreset } from './recovery-preset';
import { FOREIGN_TOOL_LABELS, KEYS } from './runner/config';

/**
 * What is started, and on which restored claims.
 */
export interface RecoveryPodProps {
  /**
   * Name, labels and annotations of the CronJob, of at most 52 characters; the NetworkPolicy has the same name.
   *
   * @default - a name made of the construct's path, in the namespace of the chart
   */
  readonly metadata?: ApiObjectMetadata;

  /**
   * The StatefulSet, Deployment or other workload whose pod is started: a construct of any cdk8s-plus version, or an ApiObject.
   */
  readonly workload: IConstruct;

  /**
   * The restored claim that is mounted in place of each volume, by the name of the volume.
   *
   * @default - of a StatefulSet, the claims that `RestoreNames.forStatefulSet` makes of its first replica, with the name of this CronJob
   */
  readonly claims?: { [volumeName: string]: string };

  /**
   * The container that is started; others are left out, and so are init containers.
   *
   * @default - the first one
   */
  readonly container?: string;

  /**
   * What the container runs in place of its own command and arguments; the options of the preset are added. For containers that run a shell.
   *
   * @default - its own
   */
  readonly command?: string[];

  /**
   * The service account that the image needs, as under OpenShift's security context constraints; its token is not mounted.
   *
   * @default - that of the namespace
   */
  readonly serviceAccountName?: string;

  /**
   * How the software is kept from acting as production.
   */
  readonly preset: RecoveryPreset;

  /**
   * After this time the pod is ended: whole minutes, from 1 minute to 7 days. The claims stay.
   *
   * @default Duration.hours(8)
   */
  readonly lifetime?: Duration;
}

const PROPS: KnownKeys<RecoveryPodProps> = {
  metadata: true,
  workload: true,
  claims: true,
  container: true,
  command: true,
  serviceAccountName: true,
  preset: true,
  lifetime: true,
};


/**
 * A pod of a workload's own template on restored claims, to look at the data before it is relied on.
 *
 * Restored software takes itself for production. So the pod has none of the
 * workload's labels, by which Services would find it, no service account's token, no
 * sidecars, and a NetworkPolicy that lets nothing in and nothing out; the preset switches
 * off what would reach out. A NetworkPolicy is only as good as the network plugin that enforces it.
 *
 * Defines a suspended CronJob, which a person starts by `kubectl create job --from`.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/network-policies/
 * @example
 * import { ApiObject, Chart } from 'cdk8s';
 * import { RecoveryPod, RecoveryPreset } from 'cdk8s-volume-snapshots';
 *
 * declare const chart: Chart;
 * declare const postgres: ApiObject;
 * new RecoveryPod(chart, 'Recovery', {
 *   metadata: { name: 'postgres-recovery' },
 *   workload: postgres,
 *   preset: RecoveryPreset.postgreSql(),
 * });
 */
export class RecoveryPod extends Construct {
  /**
   * The name of the CronJob, and of the NetworkPolicy.
   */
  public readonly name: string;

  /**
   * After this time the pod is ended.
   */
  public readonly lifetime: Duration;

  /**
   * @param scope the chart or a construct in it
   * @param id the id of the construct
   * @param props what is started, and on what
   * @throws if a prop is not valid; at synth, if the workload has no such container, or a claim that nothing was restored for
   */
  constructor(scope: Construct, id: string, props: RecoveryPodProps) {
    super(scope, id);
    requireKnownKeys(this, props, PROPS);
    requireMetadata(this, props.metadata, LONGEST_CRON_JOB_NAME);
    requireKind(this, 'preset', props.preset, 'RecoveryPreset');
    for (const [volume, claim] of Object.entries(props.claims ?? {})) { requireName(this, `claims.${volume}`, claim); }
    if (props.container !== undefined) { requireText(this, 'container', props.container); }
    requireList(this, 'command', props.command);
    props.command?.forEach(word => requireText(this, 'command', word));
    if (props.serviceAccountName !== undefined) { requireName(this, 'serviceAccountName', props.serviceAccountName); }
    this.lifetime = props.lifetime ?? Duration.hours(8);
    requireDuration(this, 'lifetime', this.lifetime, Duration.minutes(1), Duration.days(7));
    const workload = requireWorkload(this, props.workload);

    const cronJob = new ApiObject(this, 'Resource', {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: literalMetadata(props.metadata),
      spec: {
        schedule: NEVER,
        timeZone: 'Etc/UTC',
        suspend: true,
        concurrencyPolicy: 'Forbid',
        jobTemplate: {
          metadata: { labels: { ...FOREIGN_TOOL_LABELS } },
          spec: {
            activeDeadlineSeconds: this.lifetime.toSeconds(),
            // who looks at it wants to see how it ended
            backoffLimit: 0,
            template: Lazy.any({ produce: () => this.renderPod(workload.toJson(), props) }),
          },
        },
      },
    });
    this.name = cronJob.name;
    refuseTraffic(this, { name: this.name, namespace: props.metadata?.namespace ?? cronJob.metadata.namespace }, { [KEYS.recovery]: this.name });
    registerChartChecks(this);
  }

  private renderPod(workload: any, props: RecoveryPodProps): object {
    const usual = Object.fromEntries(templatesOf(workload).map(name => [name, `${name}-${this.name}-${workload.spec.ordinals?.start ?? 0}`]));
    const { annotations, container, labels, restored, spec } = isolatedPod(this, workload, {
      restored: new Map(Object.entries({ ...usual, ...props.claims })),
      container: props.container,
      command: props.command,
      options: props.preset.options,
    });
    const claims = [...restored].map(([name, claimName]) => ({ name, persistentVolumeClaim: { claimName } }));
    return {
      metadata: { labels: { [KEYS.recovery]: this.name, ...labels }, annotations },
      spec: { ...spec, serviceAccountName: props.serviceAccountName, containers: [container], volumes: [...claims, ...spec.volumes] },
    };
  }
}
