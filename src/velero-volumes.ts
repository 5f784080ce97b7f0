import { INT32_MAX, KnownKeys, requireInteger, requireKnownKeys, requireText } from './private/validate';

/**
 * How files are copied.
 */
export interface VeleroFileCopyOptions {
  /**
   * How many files of a volume are copied at a time.
   *
   * @default - as many as the node has cores
   */
  readonly parallelFilesUpload?: number;
}

/**
 * How snapshots are copied to object storage.
 */
export interface VeleroDataMovementOptions extends VeleroFileCopyOptions {
  /**
   * The data mover that copies.
   *
   * @default - Velero's own, in the pods of the node agent
   */
  readonly dataMover?: string;
}

const FILES: KnownKeys<VeleroFileCopyOptions> = { parallelFilesUpload: true };
const MOVEMENT: KnownKeys<VeleroDataMovementOptions> = { ...FILES, dataMover: true };

/**
 * Where the data of volumes is in a backup; a `VeleroVolumePolicy` may say otherwise of some of them.
 *
 * @see https://velero.io/docs/v1.18/csi-snapshot-data-movement/
 * @example
 * import { VeleroVolumes } from 'cdk8s-volume-snapshots';
 *
 * VeleroVolumes.moved({ parallelFilesUpload: 8 });
 */
export class VeleroVolumes {
  /**
   * In the storage, as a CSI snapshot that lives as long as the backup. If the storage is lost, so is the data.
   *
   * @see https://velero.io/docs/v1.18/csi/
   * @example
   * import { VeleroVolumes } from 'cdk8s-volume-snapshots';
   *
   * VeleroVolumes.snapshots();
   */
  public static snapshots(): VeleroVolumes {
    return new VeleroVolumes({ snapshotVolumes: true, snapshotMoveData: false, defaultVolumesToFsBackup: false });
  }

  /**
   * In object storage: of each volume a CSI snapshot is cut and copied, and then given back. Applications are held until the cut, not until it is copied.
   *
   * Needs the node agent.
   *
   * @param options how it is copied
   * @throws if an option is not valid
   * @see https://velero.io/docs/v1.18/csi-snapshot-data-movement/
   * @example
   * import { VeleroVolumes } from 'cdk8s-volume-snapshots';
   *
   * VeleroVolumes.moved();
   */
  public static moved(options: VeleroDataMovementOptions = {}): VeleroVolumes {
    const origin = 'VeleroVolumes.moved';
    requireKnownKeys(origin, options, MOVEMENT, 'options');
    if (options.dataMover !== undefined) { requireText(origin, 'dataMover', options.dataMover); }
    return new VeleroVolumes({
      snapshotVolumes: true,
      snapshotMoveData: true,
      defaultVolumesToFsBackup: false,
      datamover: options.dataMover,
      uploaderConfig: uploader(origin, options),
    });
  }

  /**
   * In object storage, file by file from the volume in use. No moment that all files are of, and applications would be held until all is copied.
   *
   * Needs the node agent. For volumes whose driver takes no snapshots; those that no running pod mounts are left out.
   *
   * @param options how it is copied
   * @throws if an option is not valid
   * @see https://velero.io/docs/v1.18/file-system-backup/
   * @example
   * import { VeleroVolumes } from 'cdk8s-volume-snapshots';
   *
   * VeleroVolumes.fileSystem({ parallelFilesUpload: 4 });
   */
  public static fileSystem(options: VeleroFileCopyOptions = {}): VeleroVolumes {
    const origin = 'VeleroVolumes.fileSystem';
    requireKnownKeys(origin, options, FILES, 'options');
    return new VeleroVolumes({
      snapshotVolumes: false,
      snapshotMoveData: false,
      defaultVolumesToFsBackup: true,
      uploaderConfig: uploader(origin, options),
      copiesFiles: true,
    });
  }

  /**
   * Nowhere: the backup has the objects alone, as for namespaces whose data is in the snapshots of a schedule.
   *
   * @see https://velero.io/docs/v1.18/resource-filtering/
   * @example
   * import { VeleroVolumes } from 'cdk8s-volume-snapshots';
   *
   * VeleroVolumes.none();
   */
  public static none(): VeleroVolumes {
    return new VeleroVolumes({ snapshotVolumes: false, snapshotMoveData: false, defaultVolumesToFsBackup: false });
  }

  private constructor(private readonly fields: { readonly copiesFiles?: boolean; readonly [field: string]: unknown }) {}

  /**
   * Whether files are copied from the volume in use.
   *
   * @internal
   */
  public get _copiesFiles(): boolean { return this.fields.copiesFiles === true; }

  /**
   * Whether there is a cut at all.
   *
   * @internal
   */
  public get _takesSnapshots(): boolean { return this.fields.snapshotVolumes === true; }

  /**
   * The fields of a backup.
   *
   * @internal
   */
  public _toKube(): object {
    const { copiesFiles, ...fields } = this.fields;
    return fields;
  }
}

function uploader(origin: string, { parallelFilesUpload }: VeleroFileCopyOptions): object | undefined {
  if (parallelFilesUpload === undefined) { return undefined; }
  requireInteger(origin, 'parallelFilesUpload', parallelFilesUpload, 1, INT32_MAX);
  return { parallelFilesUpload };
}
