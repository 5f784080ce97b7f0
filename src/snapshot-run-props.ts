import { IGroupSnapshotClass } from './group-snapshot-class';
import { PrunedStorage } from './pruned-storage';
import { Quiesce } from './quiesce';
import { RunnerPodOptions } from './runner-pod';
import { ISnapshotClass } from './snapshot-class';
import { SnapshotSource } from './snapshot-source';

/**
 * Which claims are snapshotted, and how, whatever starts it.
 */
export interface SnapshotRunProps {
  /**
   * The claims whose volumes are snapshotted.
   */
  readonly source: SnapshotSource;

  /**
   * How the storage takes the snapshots.
   *
   * @see https://kubernetes.io/docs/concepts/storage/volume-snapshot-classes/
   * @default - the default snapshot class of the claim's driver in the cluster
   */
  readonly snapshotClass?: ISnapshotClass;

  /**
   * How the storage takes one snapshot of all claims at one moment, instead of one of each claim by itself. Not together with `snapshotClass`.
   *
   * Groups are kept and pruned as a whole. On each run the claims get a label by which the snapshot controller finds them,
   * so the service account is given the right to patch claims; only these, where the source names them.
   *
   * @see https://kubernetes-csi.github.io/docs/group-snapshot-restore-feature.html
   * @default - each claim is snapshotted by itself
   */
  readonly groupSnapshotClass?: IGroupSnapshotClass;

  /**
   * What becomes of the storage of a pruned snapshot whose class retains it. The storage of groups cannot be reclaimed.
   *
   * @default PrunedStorage.RECLAIM
   */
  readonly prunedStorage?: PrunedStorage;

  /**
   * How the applications that write to the claims are held while the claims are cut.
   *
   * Retention then never gives up an application-consistent snapshot for one that is not.
   *
   * @default - not at all: snapshots are crash-consistent
   */
  readonly quiesce?: Quiesce;

  /**
   * How many claims are waiting for the cut of their data at once. One that is not cut for long makes room for the next, so that all are tried.
   *
   * With `quiesce` it counts applications, each with all its claims: one that is held waits for no other.
   *
   * @default 20; 1 with `quiesce`
   */
  readonly concurrency?: number;

  /**
   * With so many snapshots of a claim that are not ready, newer than its last
   * ready one, no more are taken of it: storage that fails is not buried.
   *
   * The run fails and says so. It goes on by itself once one of them is ready,
   * or one that was never cut is a day old and pruned; a Job of a schedule that is started by hand tries at once.
   *
   * @default 3
   */
  readonly maxNotReady?: number;

  /**
   * More labels of the snapshots.
   *
   * @default - only those that the library finds its snapshots by
   */
  readonly snapshotLabels?: { [key: string]: string };

  /**
   * More annotations of the snapshots.
   *
   * @default - only those that keep GitOps tools away
   */
  readonly snapshotAnnotations?: { [key: string]: string };

  /**
   * The pod that takes the snapshots.
   *
   * @default - as `RunnerDefaults` above say, else as `RunnerPodOptions` say
   */
  readonly pod?: RunnerPodOptions;
}
