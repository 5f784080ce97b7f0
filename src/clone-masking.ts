import { RunnerResources, RunnerSecurityContext } from './runner-pod';
import { ISnapshotClass } from './snapshot-class';

/**
 * A container that masks data, or looks whether it is masked.
 */
export interface CloneContainer {
  /**
   * The image.
   */
  readonly image: string;

  /**
   * What it runs. Its exit code is the verdict; what it writes to `/dev/termination-log`, else the end of its log, is told.
   *
   * @default - the entry point of the image
   */
  readonly command?: string[];

  /**
   * Arguments of the command.
   *
   * @default - those of the image
   */
  readonly args?: string[];

  /**
   * Variables of its environment.
   *
   * @default - none
   */
  readonly env?: { [name: string]: string };

  /**
   * Names of Secrets in the namespace of the clone, whose keys become variables too.
   *
   * @default - none
   */
  readonly secrets?: string[];

  /**
   * Where the data is: each claim in a directory of its name below this one, as `/data/data-postgres-0`.
   *
   * @default '/data'
   */
  readonly mountPath?: string;

  /**
   * What it asks for and may use.
   *
   * @default - 10m to 1 CPU and 64Mi to 256Mi of memory
   */
  readonly resources?: RunnerResources;
}

/**
 * How data is masked before it is handed out, and how it is made sure.
 *
 * The two run in pods of their own, in the namespace of the clone: restricted, without a token, without names that can be looked up, and
 * with a NetworkPolicy that lets nothing in and nothing out.
 */
export interface CloneMasking {
  /**
   * Changes the data. It runs on a copy that is in the namespace of the clone; a snapshot of what it leaves is what is handed out.
   */
  readonly mask: CloneContainer;

  /**
   * Refuses data that is not masked, by an exit code other than 0. It runs on a copy of the snapshot that is handed out, and what it changes there is lost.
   */
  readonly check: CloneContainer;

  /**
   * The class by which the masked copies are snapshotted: one with `DeletionPolicy.DELETE`, since these snapshots go with the work.
   */
  readonly snapshotClass: ISnapshotClass;

  /**
   * Who the two containers run as: often the one who owns the files.
   *
   * @default - the images' own users, which must not be root
   */
  readonly securityContext?: RunnerSecurityContext;
}
