import { RunnerResources, RunnerSecurityContext } from './runner-pod';

/**
 * The container that takes an inventory off the cluster. It starts once the file is complete, and its end is the end of the run: with an exit code
 * other than 0 the run has failed, and is tried again three times.
 *
 * The file is `/inventory/inventory.json`, and cannot be changed. `/tmp` can be written to, and is HOME; all else is read-only. The container has no token of the
 * service account.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/init-containers/
 */
export interface InventoryExporter {
  /**
   * An image that can send a file somewhere, by tag or by digest: of rclone, of the AWS CLI, of git.
   */
  readonly image: string;

  /**
   * What is executed, in place of the entry point of the image. A failure must be its exit code: a shell script begins with `set -e`.
   *
   * @default - the entry point of the image; `args` must be given
   */
  readonly command?: string[];

  /**
   * The arguments of the command, or of the entry point of the image.
   *
   * @default - none; `command` must be given
   */
  readonly args?: string[];

  /**
   * Environment variables. What is secret belongs into a Secret.
   *
   * @default - only HOME, which is /tmp
   */
  readonly env?: { [name: string]: string };

  /**
   * Names of Secrets, each key of which becomes an environment variable.
   *
   * @default - none
   */
  readonly envFromSecrets?: string[];

  /**
   * Names of claims that are mounted, by the path: one whose storage is not lost with the cluster.
   *
   * @default - none
   */
  readonly claims?: { [path: string]: string };

  /**
   * Names of Secrets that are mounted, by the path: a key for git, a configuration of rclone.
   *
   * @default - none
   */
  readonly secrets?: { [path: string]: string };

  /**
   * What the container asks for and may use.
   *
   * @default - 10m to 1 CPU and 64Mi to 256Mi of memory
   */
  readonly resources?: RunnerResources;

  /**
   * Who the container runs as; the volumes are given to the group.
   *
   * @default - user and group 1000, since most images would run as root
   */
  readonly securityContext?: RunnerSecurityContext;
}
