import { KnownKeys, reject, requireDnsLabel, requireKind, requireKnownKeys, requireLabels, requireList, requireName } from './private/validate';
import { veleroHooks, VeleroHold } from './private/velero-hook-scripts';
import { Quiesce } from './quiesce';

/**
 * Which pods Velero quiesces.
 */
export interface VeleroHookOptions {
  /**
   * Labels of the pods, all of which a pod must have.
   *
   * @default - those of the `Quiesce`; one of the two is needed, since a hook fails in every pod that has no such application
   */
  readonly podLabels?: { [key: string]: string };

  /**
   * The namespaces of the pods.
   *
   * @default - all that are backed up
   */
  readonly namespaces?: string[];

  /**
   * What Velero calls the hook in its log.
   *
   * @default 'quiesce'
   */
  readonly name?: string;
}

const OPTIONS: KnownKeys<VeleroHookOptions> = { podLabels: true, namespaces: true, name: true };

/**
 * What Velero executes in pods so that their application is held while their claims are cut, made of the same `Quiesce` that a schedule takes.
 *
 * Velero executes one command before the cut and another one after it, and keeps no session
 * in between. So the first leaves behind a process in the container that holds, and the
 * second ends it, and fails unless it had held until then. If the second never comes, the
 * application goes on by itself when `maxHold` is over. The container needs a shell and `mkfifo`.
 *
 * Velero takes the volumes of a pod also if its hook has failed, and calls the backup
 * `PartiallyFailed`. With `QuiesceFailure.FAIL` it leaves out the object of the pod then.
 * `attempts` of the `Quiesce` has no effect.
 *
 * @see https://velero.io/docs/v1.18/backup-hooks/
 * @example
 * import { Quiesce, VeleroHook } from 'cdk8s-volume-snapshots';
 *
 * VeleroHook.fromQuiesce(Quiesce.mariaDb({ container: 'mariadb' }), { podLabels: { app: 'mariadb' } });
 */
export class VeleroHook {
  /**
   * A hook of a backup or a schedule, for pods with labels.
   *
   * @param quiesce how the application is held
   * @param options which pods
   * @throws if the application cannot be held between two commands, or no labels choose its pods
   * @see https://velero.io/docs/v1.18/api-types/backup/
   * @example
   * import { Quiesce, VeleroHook } from 'cdk8s-volume-snapshots';
   *
   * VeleroHook.fromQuiesce(Quiesce.postgreSql({ podLabels: { app: 'postgres' } }), { namespaces: ['shop'] });
   */
  public static fromQuiesce(quiesce: Quiesce, options: VeleroHookOptions = {}): VeleroHook {
    const origin = 'VeleroHook.fromQuiesce';
    requireKnownKeys(origin, options, OPTIONS, 'options');
    const hold = holdOf(origin, quiesce);
    if (hold.podNames !== undefined) {
      reject(origin, 'quiesce', {
        problem: 'Velero does not choose pods by name',
        got: `podNames ${hold.podNames.join(', ')}`,
        allowed: 'podLabels',
        fix: 'name the pods by labels, or give the pods the annotations of VeleroHook.annotationsFor',
      });
    }
    const podLabels = options.podLabels ?? hold.podLabels;
    if (podLabels === undefined || Object.keys(podLabels).length === 0) {
      reject(origin, 'podLabels', {
        problem: 'the hook would fail in every pod that has no such application',
        got: podLabels,
        allowed: 'at least one label',
        fix: "write for example podLabels: { app: 'mariadb' }",
      });
    }
    requireLabels(origin, 'podLabels', podLabels);
    requireList(origin, 'namespaces', options.namespaces);
    if (options.namespaces?.length === 0) {
      reject(origin, 'namespaces', { problem: 'nothing would be held', got: [], allowed: 'at least one namespace', fix: 'leave it out for all that are backed up' });
    }
    options.namespaces?.forEach(namespace => requireDnsLabel(origin, 'namespaces', namespace));
    const name = options.name ?? 'quiesce';
    requireName(origin, 'name', name);
    return new VeleroHook(hold, { ...podLabels }, options.namespaces && [...options.namespaces], name);
  }

  /**
   * The same as annotations, for the pod template of the application. Hooks of a backup leave pods alone that have them.
   *
   * @param quiesce how the application is held; its `podNames` and `podLabels` have no effect
   * @throws if the application cannot be held between two commands
   * @see https://velero.io/docs/v1.18/backup-hooks/#specifying-hooks-as-pod-annotations
   * @example
   * import { Quiesce, VeleroHook } from 'cdk8s-volume-snapshots';
   * import { Pod } from 'cdk8s-plus-27';
   * import { App, Chart } from 'cdk8s';
   *
   * const chart = new Chart(new App(), 'shop');
   * new Pod(chart, 'Redis', {
   *   metadata: { annotations: VeleroHook.annotationsFor(Quiesce.redis()) },
   *   containers: [{ image: 'redis:8', securityContext: { user: 999, group: 999, readOnlyRootFilesystem: false } }],
   * });
   */
  public static annotationsFor(quiesce: Quiesce): { [key: string]: string } {
    const hooks = veleroHooks(holdOf('VeleroHook.annotationsFor', quiesce));
    return Object.fromEntries(Object.entries(hooks).flatMap(([phase, { container, command, onError, timeout }]) => {
      const annotation = (name: string, value: string): [string, string] => [`${phase}.hook.backup.velero.io/${name}`, value];
      return [
        ...container === undefined ? [] : [annotation('container', container)],
        annotation('command', JSON.stringify(command)), annotation('on-error', onError), annotation('timeout', timeout),
      ];
    }));
  }

  private constructor(
    private readonly hold: VeleroHold, private readonly podLabels: { [key: string]: string },
    /**
     * The namespaces of the pods.
     *
     * @internal
     */
    public readonly _namespaces: string[] | undefined,
    private readonly name: string,
  ) {}

  /**
   * What a backup says of it.
   *
   * @internal
   */
  public _toKube(): { readonly name: string; readonly [field: string]: unknown } {
    const { pre, post } = veleroHooks(this.hold);
    return {
      name: this.name,
      includedNamespaces: this._namespaces && [...this._namespaces],
      includedResources: ['pods'],
      labelSelector: { matchLabels: { ...this.podLabels } },
      pre: [{ exec: pre }],
      post: [{ exec: post }],
    };
  }
}

function holdOf(origin: string, quiesce: Quiesce): VeleroHold {
  requireKind(origin, 'quiesce', quiesce, 'Quiesce');
  return quiesce._toVelero(origin);
}
