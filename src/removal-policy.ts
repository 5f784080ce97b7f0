/**
 * What happens in the cluster to an object that is removed from the code.
 */
export enum RemovalPolicy {
  /**
   * It stays, with its data: Argo CD, Flux and Helm are told to leave it alone. Delete it with kubectl when it is no longer needed.
   */
  KEEP = 'Keep',

  /**
   * GitOps tools delete it, and its data with it.
   */
  DELETE = 'Delete',
}
