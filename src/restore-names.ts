import { requireDnsLabel } from './private/validate';
import { RESTORE_NAMES } from './runner/config';

/**
 * What the claims are called that a restore makes.
 *
 * @example
 * import { RestoreNames } from 'cdk8s-volume-snapshots';
 *
 * RestoreNames.forStatefulSet('postgres-restored');
 */
export class RestoreNames {
  /**
   * Beside the claims they come from: `data-postgres-0-restored-20260209-021500`, by the time when the data was cut, in UTC.
   *
   * They stand in nobody's way, and schedules that select claims by labels leave them out.
   *
   * @example
   * import { RestoreNames } from 'cdk8s-volume-snapshots';
   *
   * RestoreNames.beside();
   */
  public static beside(): RestoreNames { return new RestoreNames(RESTORE_NAMES.beside); }

  /**
   * As the claims are called that were snapshotted, for the day when those are gone.
   *
   * While a claim of such a name is there, nothing is restored.
   *
   * @example
   * import { RestoreNames } from 'cdk8s-volume-snapshots';
   *
   * RestoreNames.same();
   */
  public static same(): RestoreNames { return new RestoreNames(RESTORE_NAMES.same); }

  /**
   * As a StatefulSet looks for them: `data-postgres-0` becomes `data-<name>-0`, and so on for each template and replica.
   *
   * @param name the name of a StatefulSet, which must not exist yet or have no replicas
   * @throws if it cannot be the name of a StatefulSet
   * @see https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage
   * @example
   * import { RestoreNames } from 'cdk8s-volume-snapshots';
   *
   * RestoreNames.forStatefulSet('postgres-restored');
   */
  public static forStatefulSet(name: string): RestoreNames {
    requireDnsLabel('RestoreNames.forStatefulSet', 'name', name);
    return new RestoreNames(`${RESTORE_NAMES.statefulSet}${name}`);
  }

  /**
   * As the claims are called that were snapshotted, with a dash and a word behind it: `uploads` becomes `uploads-restored`.
   *
   * @param suffix the word
   * @throws if it cannot be part of a name
   * @example
   * import { RestoreNames } from 'cdk8s-volume-snapshots';
   *
   * RestoreNames.withSuffix('restored');
   */
  public static withSuffix(suffix: string): RestoreNames {
    requireDnsLabel('RestoreNames.withSuffix', 'suffix', suffix);
    return new RestoreNames(`${RESTORE_NAMES.suffix}${suffix}`);
  }

  /**
   * The word for it in a request.
   */
  public readonly word: string;

  private constructor(word: string) { this.word = word; }
}
