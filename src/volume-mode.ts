/**
 * How a volume is handed to a container.
 *
 * @see https://kubernetes.io/docs/concepts/storage/persistent-volumes/#volume-mode
 */
export enum VolumeMode {
  /** Mounted as a directory. */
  FILE_SYSTEM = 'Filesystem',
  /** As a raw block device. */
  BLOCK = 'Block',
}
