import { Construct, IConstruct } from 'constructs';
import { DEFAULTS_MARK, SCHEDULED_MARK } from './private/marks';
import { mergePodOptions, requireKnownPodOptions, requireRunnerPod } from './private/runner-pod';
import { KnownKeys, reject, requireKnownKeys, requireText } from './private/validate';
import { RunnerPodOptions } from './runner-pod';

/**
 * What the pods of all schedules below a scope have in common.
 */
export interface RunnerDefaultsProps {
  /**
   * The registry that the library's own images are pulled from, such as
   * `registry.example.com/mirror`. Images that you name yourself stay as they are.
   *
   * @default - the public registries
   */
  readonly imageRegistry?: string;

  /**
   * Settings of the pods. Those of a schedule come first; labels, annotations
   * and node selectors of both are merged.
   *
   * @default - the defaults of `RunnerPodOptions`
   */
  readonly pod?: RunnerPodOptions;
}

const PROPS: KnownKeys<RunnerDefaultsProps> = { imageRegistry: true, pod: true };

/**
 * Gives every schedule below its scope the same pod settings: the registry of an
 * air-gapped cluster, pull secrets, tolerations.
 *
 * Define it on the app or a chart, before the schedules. Those of a chart come
 * before those of the app, and are merged with them in the same way.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/
 * @example
 * import { App } from 'cdk8s';
 * import { RunnerDefaults } from 'cdk8s-volume-snapshots';
 *
 * const app = new App();
 * new RunnerDefaults(app, 'SnapshotDefaults', {
 *   imageRegistry: 'registry.example.com/mirror',
 *   pod: { imagePullSecrets: ['mirror'], tolerations: [{ key: 'backup' }] },
 * });
 */
export class RunnerDefaults extends Construct {
  /**
   * The nearest defaults that apply to a construct.
   *
   * @internal
   */
  public static _of(construct: IConstruct): RunnerDefaults | undefined {
    for (const scope of [...construct.node.scopes].reverse()) {
      const found = RunnerDefaults.childOf(scope);
      if (found) { return found; }
    }
    return undefined;
  }

  private static childOf(scope: IConstruct): RunnerDefaults | undefined {
    return (scope as { [DEFAULTS_MARK]?: RunnerDefaults })[DEFAULTS_MARK];
  }

  /**
   * The registry that the library's own images are pulled from.
   */
  public readonly imageRegistry?: string;

  /**
   * Settings of the pods.
   */
  public readonly pod: RunnerPodOptions;

  /**
   * @param scope the app, a chart, or another construct whose schedules are meant
   * @param id the id of the construct
   * @param props what they have in common
   * @throws if the scope has defaults already, if schedules were defined before, or if a setting is not valid
   */
  constructor(scope: Construct, id: string, props: RunnerDefaultsProps = {}) {
    const other = RunnerDefaults.childOf(scope);
    const outer = RunnerDefaults._of(scope);
    super(scope, id);
    if (other) {
      reject(this, 'scope', {
        problem: `'${scope.node.path}' has defaults already`, got: other.node.path, allowed: 'one RunnerDefaults a scope', fix: 'give all in one',
      });
    }
    const earlier = scope.node.findAll().find(construct => SCHEDULED_MARK in construct);
    if (earlier) {
      reject(this, 'scope', {
        problem: 'a schedule was defined before its defaults and would not have them',
        got: earlier.node.path,
        allowed: 'defaults before the schedules of the scope',
        fix: 'define the RunnerDefaults first',
      });
    }
    requireKnownKeys(this, props, PROPS);
    requireKnownPodOptions(this, 'pod', props.pod ?? {});
    requireRunnerPod(this, 'pod', props.pod ?? {});
    if (props.imageRegistry !== undefined) { requireText(this, 'imageRegistry', props.imageRegistry); }
    if (props.imageRegistry !== undefined && !/^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(\/[a-z0-9][a-z0-9._-]*)*$/i.test(props.imageRegistry)) {
      reject(this, 'imageRegistry', {
        problem: 'not a registry', got: props.imageRegistry, allowed: 'host, port and path without scheme', fix: 'write registry.example.com/mirror',
      });
    }
    this.imageRegistry = props.imageRegistry ?? outer?.imageRegistry;
    this.pod = outer ? mergePodOptions(props.pod ?? {}, outer.pod) : props.pod ?? {};
    // on the scope, since looking through its children for each schedule would be quadratic
    Object.defineProperty(scope, DEFAULTS_MARK, { value: this });
  }
}
