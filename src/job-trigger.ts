import { Duration } from 'cdk8s';
import { INT32_MAX, KnownKeys, reject, requireDuration, requireInteger, requireKind, requireKnownKeys, requireText } from './private/validate';

/**
 * When a hook runs among others.
 */
export interface HookOptions {
  /**
   * Hooks with a lower number run first, and what the Job needs is made with the number before; from -1000 to 1000.
   *
   * Migrations that are hooks themselves must have a higher one.
   *
   * @default -10
   */
  readonly order?: number;
}

/**
 * What makes a Job a new one.
 */
export interface RevisionOptions {
  /**
   * What the Job belongs to, such as a version or the tag of an image: lowercase letters, digits, dashes and dots, at most 40 characters.
   *
   * It is part of the Job's name, so that each revision has a Job of its own, which is run once.
   */
  readonly revision: string;

  /**
   * How long the Job stays once it has ended; whole seconds.
   *
   * Not with Flux, or any tool that applies again and again: it would make the Job anew, and run it.
   *
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
   * @default - until somebody deletes it
   */
  readonly timeToLive?: Duration;
}

const HOOK: KnownKeys<HookOptions> = { order: true };
const JOB: KnownKeys<RevisionOptions> = { revision: true, timeToLive: true };
const USUAL_ORDER = -10;
/** A Job cannot be changed, so that Flux must make it anew when its image or configuration changes. */
const FORCED = { 'kustomize.toolkit.fluxcd.io/force': 'enabled' };

/**
 * What starts a Job without a person, and makes an upgrade or an installation wait for it.
 *
 * @example
 * import { JobTrigger } from 'cdk8s-volume-snapshots';
 *
 * JobTrigger.argoCd();
 */
export class JobTrigger {
  /**
   * Argo CD, before each sync: a PreSync hook. The sync goes on only if the Job succeeds.
   *
   * A sync of chosen resources runs no hooks.
   *
   * @param options when, among other hooks
   * @throws if the order is no whole number in its range
   * @see https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
   * @example
   * import { JobTrigger } from 'cdk8s-volume-snapshots';
   *
   * JobTrigger.argoCd({ order: -20 });
   */
  public static argoCd(options: HookOptions = {}): JobTrigger {
    const order = requireOrder('JobTrigger.argoCd', options);
    return JobTrigger.hook(order, wave => ({
      'argocd.argoproj.io/hook': 'PreSync',
      'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation',
      'argocd.argoproj.io/sync-wave': `${wave}`,
    }));
  }

  /**
   * Helm, before each upgrade and rollback, and what restores also before an installation: a hook of the release.
   * Flux's HelmRelease runs it too.
   *
   * @param options when, among other hooks
   * @throws if the order is no whole number in its range
   * @see https://helm.sh/docs/topics/charts_hooks/
   * @example
   * import { JobTrigger } from 'cdk8s-volume-snapshots';
   *
   * JobTrigger.helm();
   */
  public static helm(options: HookOptions = {}): JobTrigger {
    const order = requireOrder('JobTrigger.helm', options);
    return JobTrigger.hook(order, (weight, helmHooks) => ({
      'helm.sh/hook': helmHooks,
      'helm.sh/hook-delete-policy': 'before-hook-creation',
      'helm.sh/hook-weight': `${weight}`,
    }));
  }

  /**
   * A Job to wait for: by a Flux Kustomization that the one of the application depends on, or by `kubectl wait`.
   *
   * @param options which revision, and how long the Job stays
   * @throws if the revision cannot be part of a name, or the time is not whole seconds
   * @see https://fluxcd.io/flux/components/kustomize/kustomizations/#dependencies
   * @example
   * import { JobTrigger } from 'cdk8s-volume-snapshots';
   *
   * JobTrigger.job({ revision: '2.4.0' });
   */
  public static job(options: RevisionOptions): JobTrigger {
    const origin = 'JobTrigger.job';
    requireKnownKeys(origin, options, JOB);
    requireText(origin, 'revision', options.revision);
    if (options.revision.length > 40 || !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(options.revision)) {
      reject(origin, 'revision', {
        problem: 'cannot be part of the name of a Job',
        got: options.revision,
        allowed: 'at most 40 lowercase letters, digits, dashes and dots, with a letter or digit first and last',
        fix: 'write for example 2.4.0, or the first twelve characters of a commit or digest',
      });
    }
    const { revision, timeToLive } = options;
    if (timeToLive !== undefined) {
      requireKind(origin, 'timeToLive', timeToLive, 'Duration');
      requireDuration(origin, 'timeToLive', timeToLive, Duration.seconds(0), Duration.seconds(INT32_MAX));
    }
    return new JobTrigger(() => ({ isHook: false, suffix: `-${revision}`, annotations: FORCED, annotationsOfNeeds: {}, timeToLive }));
  }

  private static hook(order: number, annotations: (order: number, helmHooks: string) => { [key: string]: string }): JobTrigger {
    return new JobTrigger(helmHooks => ({
      isHook: true, suffix: '', annotations: annotations(order, helmHooks), annotationsOfNeeds: annotations(order - 1, helmHooks),
    }));
  }

  private constructor(
    /**
     * What it comes to for a Job that belongs to these hooks of Helm.
     *
     * @internal
     */
    public readonly _partsFor: (helmHooks: string) => JobTriggerParts,
  ) {}
}

/**
 * What a trigger makes of a Job.
 *
 * @internal
 */
export interface JobTriggerParts {
  /** what it needs is a hook as well, since nothing else is there before */
  readonly isHook: boolean;
  /** behind the name of the Job */
  readonly suffix: string;
  readonly annotations: { [key: string]: string };
  readonly annotationsOfNeeds: { [key: string]: string };
  readonly timeToLive?: Duration;
}

function requireOrder(origin: string, options: HookOptions): number {
  requireKnownKeys(origin, options, HOOK);
  const order = options.order ?? USUAL_ORDER;
  requireInteger(origin, 'order', order, -1000, 1000);
  return order;
}
