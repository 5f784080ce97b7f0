/**
 * A Secret that the snapshot controller hands to the driver.
 *
 * The name may contain the templates `${volumesnapshotcontent.name}`, `${volumesnapshot.namespace}` and `${volumesnapshot.name}`,
 * the namespace the first two. A secret to list snapshots may contain the first one only, in both.
 *
 * @see https://kubernetes-csi.github.io/docs/secrets-and-credentials-volume-snapshot-class.html
 */
export interface SecretReference {
  /**
   * Name of the Secret.
   */
  readonly name: string;

  /**
   * Namespace of the Secret.
   */
  readonly namespace: string;
}
