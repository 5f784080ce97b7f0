/**
 * What becomes of the storage of a pruned snapshot whose class retains it.
 */
export enum PrunedStorage {
  /**
   * It is given back: the content is set to Delete before the snapshot is
   * deleted. Needs a `SnapshotReclaim` in the cluster; without it a run fails and says so.
   */
  RECLAIM = 'Reclaim',

  /**
   * It stays in the storage system, where it costs money and nobody sees it,
   * until somebody removes it by other means.
   */
  KEEP = 'Keep',
}
