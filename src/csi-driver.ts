import { Duration } from 'cdk8s';
import {
  AlibabaDiskOptions, AzureFileOptions, CinderOptions, CinderSnapshotType, FilestoreOptions, ManilaOptions, OciBlockVolumeOptions,
} from './cloud-driver-options';
import {
  AwsEbsOptions, AzureDiskOptions, CephRbdOptions, CsiDriverOptions, GcePersistentDiskOptions, LonghornOptions,
  LonghornSnapshotType, PortworxOptions, PortworxSnapshotType,
} from './csi-driver-options';
import {
  ALIBABA_DISK, AWS_EBS, AZURE_DISK, AZURE_FILE, CINDER, DIGITAL_OCEAN, EXOSCALE, FILESTORE, GCE_PERSISTENT_DISK, IBM_VPC_BLOCK, MANILA,
  OCI_BLOCK_VOLUME, OCI_DEFINED_TAGS, OCI_FREEFORM_TAGS, SCALEWAY,
} from './private/cloud-drivers';
import { driverFacts } from './private/driver-catalogue';
import { kindOf, maxSnapshotsPerVolume, requireParameters, requireSnapshots } from './private/driver-facts';
import { DRIVER_OPTIONS, DriverFactory } from './private/driver-options';
import { secretOf, secretParameters, SNAPSHOTTER_LIST_SECRET, SNAPSHOTTER_SECRET } from './private/driver-secrets';
import {
  CEPH_FS, CEPH_NFS, CEPH_RBD, DELL_POWER_SCALE, DEMOCRATIC_CSI, HOSTPATH, HPE, IBM_BLOCK, IBM_STORAGE_SCALE, LINSTOR, LINSTOR_PREFIX, LONGHORN,
  OPENEBS_LVM, OPENEBS_MAYASTOR, OPENEBS_RAWFILE, OPENEBS_ZFS, PORTWORX, TOPOLVM, TRIDENT, VSPHERE,
} from './private/storage-drivers';
import {
  KnownKeys, reject, requireBoolean, requireDnsLabel, requireDuration, requireEnum, requireInteger, requireKind, requireKnownKeys, requireList,
  requireName, requireText,
} from './private/validate';
import { SecretReference } from './secret-reference';
import {
  CephFsOptions, DellArray, DellOptions, DemocraticCsiOptions, HostpathOptions, HpeOptions, IbmBlockOptions, IbmStorageScaleOptions, LinstorOptions,
  OpenEbsMayastorOptions, VsphereOptions,
} from './storage-driver-options';

/**
 * A CSI driver with what it should do when it takes a snapshot.
 *
 * What a driver is known to refuse at every snapshot, from a misspelled parameter to a lock without an end, is refused here.
 *
 * @see https://kubernetes-csi.github.io/docs/drivers.html
 */
export class CsiDriver {
  /**
   * AWS Elastic Block Store, `ebs.csi.aws.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/snapshot.md
   * @example
   * import { Duration } from 'cdk8s';
   * import { CsiDriver, EbsLockMode } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.awsEbs({
   *   tags: { team: 'payments' },
   *   lockMode: EbsLockMode.GOVERNANCE,
   *   lockDuration: Duration.days(7),
   * });
   */
  public static awsEbs(options: AwsEbsOptions = {}): CsiDriver {
    const origin = originOf('awsEbs', options);
    requireList(origin, 'fastSnapshotRestoreAvailabilityZones', options.fastSnapshotRestoreAvailabilityZones);
    const tags = pairs(origin, 'tags', options.tags, '=', { keys: ['='], values: [] }).map((tag, index) => [`tagSpecification_${index + 1}`, tag]);
    return new CsiDriver(origin, AWS_EBS, given({
      fastSnapshotRestoreAvailabilityZones: options.fastSnapshotRestoreAvailabilityZones?.join(','),
      outpostArn: options.outpostArn,
      lockMode: options.lockMode,
      lockDuration: whole(origin, 'lockDuration', options.lockDuration, Duration.days(1)),
      lockExpirationDate: options.lockExpirationDate,
      lockCoolOffPeriod: whole(origin, 'lockCoolOffPeriod', options.lockCoolOffPeriod, Duration.hours(1)),
      ...Object.fromEntries(tags),
    }), (parameter) => parameter.startsWith('tagSpecification') ? 'tags' : parameter);
  }

  /**
   * Compute Engine persistent disks, `pd.csi.storage.gke.io`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/gcp-compute-persistent-disk-csi-driver/blob/master/docs/kubernetes/user-guides/snapshots.md
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.gcePersistentDisk({ storageLocation: 'europe-west3', labels: { team: 'payments' } });
   */
  public static gcePersistentDisk(options: GcePersistentDiskOptions = {}): CsiDriver {
    const origin = originOf('gcePersistentDisk', options);
    const props: { [parameter: string]: string } = {
      'snapshot-type': 'snapshotType',
      'image-family': 'imageFamily',
      'storage-locations': 'storageLocation',
      'resource-tags': 'resourceTags',
    };
    return new CsiDriver(origin, GCE_PERSISTENT_DISK, given({
      'snapshot-type': options.snapshotType,
      'image-family': options.imageFamily,
      'storage-locations': options.storageLocation,
      'labels': joined(pairs(origin, 'labels', options.labels, '=', { keys: ['=', ','], values: [','] })),
      'resource-tags': joined(pairs(origin, 'resourceTags', options.resourceTags, '/', { keys: [','], values: [','] })),
    }), (parameter) => props[parameter] ?? parameter);
  }

  /**
   * Filestore instances, `filestore.csi.storage.gke.io`.
   *
   * @param options what to do at every snapshot
   * @see https://cloud.google.com/kubernetes-engine/docs/how-to/persistent-volumes/backup-filestore-volume-snapshots
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.filestore({ location: 'europe-west3' });
   */
  public static filestore(options: FilestoreOptions = {}): CsiDriver {
    const origin = originOf('filestore', options);
    return new CsiDriver(origin, FILESTORE, given({
      type: 'backup',
      location: options.location,
      labels: joined(pairs(origin, 'labels', options.labels, '=', { keys: ['=', ','], values: [','] })),
    }));
  }

  /**
   * Azure managed disks, `disk.csi.azure.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/azuredisk-csi-driver/blob/master/docs/driver-parameters.md#volumesnapshotclass
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.azureDisk({ resourceGroup: 'backups', location: 'northeurope', tags: { team: 'payments' } });
   */
  public static azureDisk(options: AzureDiskOptions = {}): CsiDriver {
    const origin = originOf('azureDisk', options);
    // an empty delimiter is refused with the other parameters
    const delimiter = options.tagValueDelimiter || ',';
    const separators = { keys: ['=', delimiter], values: [delimiter], fix: 'change it, or set another tagValueDelimiter' };
    const props: { [parameter: string]: string } = { subscriptionID: 'subscriptionId', instantAccessDurationMinutes: 'instantAccessDuration' };
    return new CsiDriver(origin, AZURE_DISK, given({
      incremental: flag(origin, 'incremental', options.incremental),
      resourceGroup: options.resourceGroup,
      subscriptionID: options.subscriptionId,
      location: options.location,
      tags: joined(pairs(origin, 'tags', options.tags, '=', separators), delimiter),
      tagValueDelimiter: options.tagValueDelimiter,
      dataAccessAuthMode: options.dataAccessAuthMode,
      networkAccessPolicy: options.networkAccessPolicy,
      publicNetworkAccess: options.publicNetworkAccess,
      userAgent: options.userAgent,
      instantAccessDurationMinutes: whole(origin, 'instantAccessDuration', options.instantAccessDuration, Duration.minutes(1)),
    }), (parameter) => props[parameter] ?? parameter);
  }

  /**
   * Azure file shares, `file.csi.azure.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/azurefile-csi-driver/blob/master/docs/driver-parameters.md
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.azureFile({ metadata: { team: 'payments' } });
   */
  public static azureFile(options: AzureFileOptions = {}): CsiDriver {
    const origin = originOf('azureFile', options);
    return new CsiDriver(origin, AZURE_FILE, given({
      useDataPlaneAPI: options.api,
      metadata: joined(pairs(origin, 'metadata', options.metadata, '=', { keys: ['=', ','], values: [','] })),
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }), (parameter) => parameter === 'useDataPlaneAPI' ? 'api' : secretProp(parameter));
  }

  /**
   * DigitalOcean volumes, `dobs.csi.digitalocean.com`.
   *
   * @see https://docs.digitalocean.com/products/kubernetes/how-to/add-volumes/
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.digitalOcean();
   */
  public static digitalOcean(): CsiDriver {
    return new CsiDriver('CsiDriver.digitalOcean', DIGITAL_OCEAN, {});
  }

  /**
   * Scaleway block storage, `csi.scaleway.com`.
   *
   * @see https://github.com/scaleway/scaleway-csi
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.scaleway();
   */
  public static scaleway(): CsiDriver {
    return new CsiDriver('CsiDriver.scaleway', SCALEWAY, {});
  }

  /**
   * Exoscale block storage, `csi.exoscale.com`.
   *
   * @see https://github.com/exoscale/exoscale-csi-driver
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.exoscale();
   */
  public static exoscale(): CsiDriver {
    return new CsiDriver('CsiDriver.exoscale', EXOSCALE, {});
  }

  /**
   * OpenStack volumes, also those of OVH, `cinder.csi.openstack.org`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes/cloud-provider-openstack/blob/master/docs/cinder-csi-plugin/using-cinder-csi-plugin.md
   * @example
   * import { CinderSnapshotType, CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.cinder({ type: CinderSnapshotType.BACKUP });
   */
  public static cinder(options: CinderOptions = {}): CsiDriver {
    const origin = originOf('cinder', options);
    const props: { [parameter: string]: string } = {
      'force-create': 'forceCreate', 'backup-max-duration-seconds-per-gb': 'backupMaxDurationPerGb', 'availability': 'availabilityZone',
    };
    return new CsiDriver(origin, CINDER, given({
      'type': options.type ?? CinderSnapshotType.SNAPSHOT,
      'force-create': flag(origin, 'forceCreate', options.forceCreate ?? true),
      'backup-max-duration-seconds-per-gb': whole(origin, 'backupMaxDurationPerGb', options.backupMaxDurationPerGb, Duration.seconds(1)),
      'availability': options.availabilityZone,
    }), (parameter) => props[parameter] ?? parameter);
  }

  /**
   * OpenStack file shares, `manila.csi.openstack.org`.
   *
   * @param options with which Secret
   * @see https://github.com/kubernetes/cloud-provider-openstack/blob/master/docs/manila-csi-plugin/using-manila-csi-plugin.md
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.manila({ snapshotterSecret: { name: 'csi-manila-secrets', namespace: 'kube-system' } });
   */
  public static manila(options: ManilaOptions): CsiDriver {
    const origin = originOf('manila', options);
    return new CsiDriver(origin, MANILA, { ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret) }, secretProp);
  }

  /**
   * OCI block volumes, `blockvolume.csi.oraclecloud.com`.
   *
   * @param options what to do at every snapshot
   * @see https://docs.oracle.com/iaas/Content/ContEng/Tasks/contengcreatingpersistentvolumeclaim_Provisioning_PVCs_on_BV.htm
   * @example
   * import { CsiDriver, OciBackupType } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.ociBlockVolume({ backupType: OciBackupType.FULL, freeformTags: { team: 'payments' } });
   */
  public static ociBlockVolume(options: OciBlockVolumeOptions = {}): CsiDriver {
    const origin = originOf('ociBlockVolume', options);
    const props: { [parameter: string]: string } = { [OCI_FREEFORM_TAGS]: 'freeformTags', [OCI_DEFINED_TAGS]: 'definedTags' };
    return new CsiDriver(origin, OCI_BLOCK_VOLUME, given({
      backupType: options.backupType,
      [OCI_FREEFORM_TAGS]: json(options.freeformTags),
      [OCI_DEFINED_TAGS]: json(options.definedTags),
    }), (parameter) => props[parameter] ?? parameter);
  }

  /**
   * Alibaba Cloud disks, `diskplugin.csi.alibabacloud.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-sigs/alibaba-cloud-csi-driver
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.alibabaDisk({ tags: { team: 'payments' } });
   */
  public static alibabaDisk(options: AlibabaDiskOptions = {}): CsiDriver {
    const origin = originOf('alibabaDisk', options);
    for (const [key, value] of Object.entries(options.tags ?? {})) { requireText(origin, `tags.${key}`, value); }
    return new CsiDriver(origin, ALIBABA_DISK, given({
      retentionDays: whole(origin, 'expiresAfter', options.expiresAfter, Duration.days(1)),
      resourceGroupId: options.resourceGroupId,
      ...Object.fromEntries(Object.entries(options.tags ?? {}).sort(byKey).map(([key, value]) => [`snapshotTags/${key}`, value])),
    }), (parameter) => parameter === 'retentionDays' ? 'expiresAfter' : parameter);
  }

  /**
   * IBM Cloud block storage for VPC, `vpc.block.csi.ibm.io`.
   *
   * @see https://cloud.ibm.com/docs/containers?topic=containers-vpc-volume-snapshot
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.ibmVpcBlock();
   */
  public static ibmVpcBlock(): CsiDriver {
    return new CsiDriver('CsiDriver.ibmVpcBlock', IBM_VPC_BLOCK, {});
  }

  /**
   * Ceph RBD images, `rbd.csi.ceph.com`, or with Rook `<namespace of the operator>.rbd.csi.ceph.com`.
   *
   * @param options which cluster, and what to do at every snapshot
   * @see https://rook.io/docs/rook/latest/Storage-Configuration/Ceph-CSI/ceph-csi-snapshot/
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.cephRbd({
   *   operatorNamespace: 'rook-ceph',
   *   clusterId: 'rook-ceph',
   *   snapshotterSecret: { name: 'rook-csi-rbd-provisioner', namespace: 'rook-ceph' },
   * });
   */
  public static cephRbd(options: CephRbdOptions): CsiDriver {
    return CsiDriver.ceph('cephRbd', CEPH_RBD, options);
  }

  /**
   * CephFS volumes, `cephfs.csi.ceph.com`, or with Rook `<namespace of the operator>.cephfs.csi.ceph.com`.
   *
   * @param options which cluster, and what to do at every snapshot
   * @see https://rook.io/docs/rook/latest/Storage-Configuration/Ceph-CSI/ceph-csi-snapshot/
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.cephFs({
   *   operatorNamespace: 'rook-ceph',
   *   clusterId: 'rook-ceph',
   *   snapshotterSecret: { name: 'rook-csi-cephfs-provisioner', namespace: 'rook-ceph' },
   * });
   */
  public static cephFs(options: CephFsOptions): CsiDriver {
    return CsiDriver.ceph('cephFs', CEPH_FS, options);
  }

  /**
   * CephFS volumes by NFS, with Rook `<namespace of the operator>.nfs.csi.ceph.com`.
   *
   * @param options which cluster, and what to do at every snapshot
   * @see https://rook.io/docs/rook/latest/Storage-Configuration/Ceph-CSI/ceph-csi-snapshot/
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.cephNfs({
   *   operatorNamespace: 'rook-ceph',
   *   clusterId: 'rook-ceph',
   *   snapshotterSecret: { name: 'rook-csi-cephfs-provisioner', namespace: 'rook-ceph' },
   * });
   */
  public static cephNfs(options: CephFsOptions): CsiDriver {
    return CsiDriver.ceph('cephNfs', CEPH_NFS, options);
  }

  /**
   * Longhorn volumes, `driver.longhorn.io`.
   *
   * @param options what to do at every snapshot
   * @see https://longhorn.io/docs/latest/snapshots-and-backups/csi-snapshot-support/
   * @example
   * import { CsiDriver, LonghornSnapshotType } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.longhorn({ type: LonghornSnapshotType.BACKUP });
   */
  public static longhorn(options: LonghornOptions = {}): CsiDriver {
    const origin = originOf('longhorn', options);
    if (options.maxSnapshotsPerVolume !== undefined) { requireInteger(origin, 'maxSnapshotsPerVolume', options.maxSnapshotsPerVolume, 2, 250); }
    return new CsiDriver(origin, LONGHORN, given({
      'type': options.type ?? LonghornSnapshotType.SNAPSHOT,
      'backupMode': options.backupMode,
      'export-type': options.exportType,
    }), (parameter) => parameter === 'export-type' ? 'exportType' : parameter, options.maxSnapshotsPerVolume);
  }

  /**
   * vSphere block volumes, `csi.vsphere.vmware.com`. File volumes have no snapshots.
   *
   * @param options how many snapshots a volume may have
   * @see https://docs.vmware.com/en/VMware-vSphere-Container-Storage-Plug-in/
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.vsphere({ maxSnapshotsPerVolume: 10 });
   */
  public static vsphere(options: VsphereOptions = {}): CsiDriver {
    const origin = originOf('vsphere', options);
    if (options.maxSnapshotsPerVolume !== undefined) { requireInteger(origin, 'maxSnapshotsPerVolume', options.maxSnapshotsPerVolume, 1, 32); }
    return new CsiDriver(origin, VSPHERE, {}, itself, options.maxSnapshotsPerVolume);
  }

  /**
   * OpenEBS local ZFS volumes, `zfs.csi.openebs.io`.
   *
   * @see https://openebs.io/docs/user-guides/local-storage-user-guide/local-pv-zfs/advanced-operations/zfs-snapshot
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.openEbsZfs();
   */
  public static openEbsZfs(): CsiDriver {
    return new CsiDriver('CsiDriver.openEbsZfs', OPENEBS_ZFS, {});
  }

  /**
   * OpenEBS local LVM volumes, `local.csi.openebs.io`.
   *
   * @see https://openebs.io/docs/user-guides/local-storage-user-guide/local-pv-lvm/advanced-operations/lvm-volume-restore
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.openEbsLvm();
   */
  public static openEbsLvm(): CsiDriver {
    return new CsiDriver('CsiDriver.openEbsLvm', OPENEBS_LVM, {});
  }

  /**
   * OpenEBS replicated volumes, `io.openebs.csi-mayastor`.
   *
   * @param options what to do at every snapshot
   * @see https://openebs.io/docs/user-guides/replicated-storage-user-guide/replicated-pv-mayastor/advanced-operations/volume-snapshots
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.openEbsMayastor();
   */
  public static openEbsMayastor(options: OpenEbsMayastorOptions = {}): CsiDriver {
    const origin = originOf('openEbsMayastor', options);
    const freeze = flag(origin, 'freezeFileSystem', options.freezeFileSystem);
    return new CsiDriver(origin, OPENEBS_MAYASTOR, given({ quiesceFs: freeze && (freeze === 'true' ? 'freeze' : 'none') }));
  }

  /**
   * OpenEBS local volumes in files, `rawfile.csi.openebs.io`.
   *
   * @see https://openebs.io/docs/user-guides/local-storage-user-guide/local-pv-rawfile/advanced-operations/rawfile-snapshot
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.openEbsRawfile();
   */
  public static openEbsRawfile(): CsiDriver {
    return new CsiDriver('CsiDriver.openEbsRawfile', OPENEBS_RAWFILE, {});
  }

  /**
   * TopoLVM thin volumes, `topolvm.io`. Thick volumes have no snapshots.
   *
   * @see https://github.com/topolvm/topolvm/blob/main/docs/snapshot-and-restore.md
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.topoLvm();
   */
  public static topoLvm(): CsiDriver {
    return new CsiDriver('CsiDriver.topoLvm', TOPOLVM, {});
  }

  /**
   * Volumes of democratic-csi, such as those of TrueNAS: `org.democratic-csi.` and a name that was chosen at the installation.
   *
   * @param name the name, as `kubectl get csidrivers` shows it
   * @param options what to do at every snapshot
   * @see https://github.com/democratic-csi/democratic-csi
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.democraticCsi('org.democratic-csi.iscsi', { detachedSnapshots: true });
   */
  public static democraticCsi(name: string, options: DemocraticCsiOptions = {}): CsiDriver {
    const origin = originOf('democraticCsi', options);
    requireName(origin, 'name', name, 63);
    if (!name.startsWith(`${DEMOCRATIC_CSI}.`)) {
      reject(origin, 'name', { problem: 'not a usual name of this driver', got: name, allowed: `${DEMOCRATIC_CSI}.<name>`, fix: 'use CsiDriver.of for another name' });
    }
    return new CsiDriver(origin, name, given({ detachedSnapshots: flag(origin, 'detachedSnapshots', options.detachedSnapshots) }));
  }

  /**
   * NetApp Trident volumes, `csi.trident.netapp.io`.
   *
   * @see https://docs.netapp.com/us-en/trident/trident-use/vol-snapshots.html
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.trident();
   */
  public static trident(): CsiDriver {
    return new CsiDriver('CsiDriver.trident', TRIDENT, {});
  }

  /**
   * Portworx volumes, `pxd.portworx.com`.
   *
   * @param options what to do at every snapshot
   * @see https://docs.portworx.com/portworx-enterprise/operations/create-snapshots
   * @example
   * import { CsiDriver, PortworxSnapshotType } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.portworx({
   *   snapshotType: PortworxSnapshotType.CLOUD,
   *   snapshotterSecret: { name: 'px-user-token', namespace: 'portworx' },
   * });
   */
  public static portworx(options: PortworxOptions = {}): CsiDriver {
    const origin = originOf('portworx', options);
    const props: { [parameter: string]: string } = {
      'csi.openstorage.org/snapshot-type': 'snapshotType',
      'csi.openstorage.org/snapshot-credential-id': 'credentialId',
      'csi.openstorage.org/snapshot-incremental-count': 'incrementalCount',
    };
    return new CsiDriver(origin, PORTWORX, given({
      'csi.openstorage.org/snapshot-type': options.snapshotType ?? PortworxSnapshotType.LOCAL,
      'csi.openstorage.org/snapshot-credential-id': options.credentialId,
      'csi.openstorage.org/snapshot-incremental-count': options.incrementalCount?.toString(),
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }), (parameter) => props[parameter] ?? secretProp(parameter));
  }

  /**
   * Volumes in storage arrays of Dell: PowerStore, PowerMax, Unity, PowerFlex and PowerScale.
   *
   * @param array the array
   * @param options what to do at every snapshot
   * @see https://dell.github.io/csm-docs/
   * @example
   * import { CsiDriver, DellArray } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.dell(DellArray.POWER_STORE);
   */
  public static dell(array: DellArray, options: DellOptions = {}): CsiDriver {
    const origin = originOf('dell', options);
    requireText(origin, 'array', array);
    requireEnum(origin, 'array', array, DellArray);
    if (options.isiPath !== undefined && array !== DELL_POWER_SCALE) {
      reject(origin, 'isiPath', { problem: 'the array has no such path', got: options.isiPath, allowed: 'DellArray.POWER_SCALE', fix: 'leave it out' });
    }
    return new CsiDriver(origin, array, given({ IsiPath: options.isiPath }), (parameter) => parameter === 'IsiPath' ? 'isiPath' : parameter);
  }

  /**
   * Volumes in storage of HPE, `csi.hpe.com`.
   *
   * @param options with which Secret, and what to do at every snapshot
   * @see https://scod.hpedev.io/csi_driver/using.html
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.hpe({ snapshotterSecret: { name: 'hpe-backend', namespace: 'hpe-storage' } });
   */
  public static hpe(options: HpeOptions): CsiDriver {
    const origin = originOf('hpe', options);
    return new CsiDriver(origin, HPE, given({
      description: options.description,
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
      ...secretParameters(SNAPSHOTTER_LIST_SECRET, options.snapshotterSecret),
    }), secretProp);
  }

  /**
   * Volumes in block storage systems of IBM, `block.csi.ibm.com`.
   *
   * @param options with which Secret, and what to do at every snapshot
   * @see https://www.ibm.com/docs/en/stg-block-csi-driver
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.ibmBlock({ snapshotterSecret: { name: 'flashsystem', namespace: 'storage' }, spaceEfficiency: 'thin' });
   */
  public static ibmBlock(options: IbmBlockOptions): CsiDriver {
    const origin = originOf('ibmBlock', options);
    const props: { [parameter: string]: string } = { SpaceEfficiency: 'spaceEfficiency', snapshot_name_prefix: 'snapshotNamePrefix' };
    return new CsiDriver(origin, IBM_BLOCK, given({
      pool: options.pool,
      SpaceEfficiency: options.spaceEfficiency,
      snapshot_name_prefix: options.snapshotNamePrefix,
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }), (parameter) => props[parameter] ?? secretProp(parameter));
  }

  /**
   * IBM Storage Scale volumes, `spectrumscale.csi.ibm.com`.
   *
   * @param options what to do at every snapshot
   * @see https://www.ibm.com/docs/en/storage-scale-csi
   * @example
   * import { Duration } from 'cdk8s';
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.ibmStorageScale({ snapWindow: Duration.minutes(30) });
   */
  public static ibmStorageScale(options: IbmStorageScaleOptions = {}): CsiDriver {
    const origin = originOf('ibmStorageScale', options);
    return new CsiDriver(origin, IBM_STORAGE_SCALE, given({ snapWindow: whole(origin, 'snapWindow', options.snapWindow, Duration.minutes(1)) }));
  }

  /**
   * LINSTOR volumes, also with Piraeus, `linstor.csi.linbit.com`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/piraeusdatastore/linstor-csi
   * @example
   * import { CsiDriver, LinstorSnapshotType } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.linstor({
   *   type: LinstorSnapshotType.S3,
   *   remoteName: 'backups',
   *   s3Bucket: 'volumes',
   *   s3Endpoint: 'https://s3.example.com',
   *   s3SigningRegion: 'eu-central-1',
   *   snapshotterSecret: { name: 's3', namespace: 'piraeus-datastore' },
   * });
   */
  public static linstor(options: LinstorOptions = {}): CsiDriver {
    const origin = originOf('linstor', options);
    const props: { [parameter: string]: string } = {
      'type': 'type',
      'remote-name': 'remoteName',
      'allow-incremental': 'allowIncremental',
      'delete-local': 'deleteLocal',
      's3-endpoint': 's3Endpoint',
      's3-bucket': 's3Bucket',
      's3-signing-region': 's3SigningRegion',
      's3-use-path-style': 's3UsePathStyle',
    };
    const parameters = given({
      'type': options.type,
      'remote-name': options.remoteName,
      'allow-incremental': flag(origin, 'allowIncremental', options.allowIncremental),
      'delete-local': flag(origin, 'deleteLocal', options.deleteLocal),
      's3-endpoint': options.s3Endpoint,
      's3-bucket': options.s3Bucket,
      's3-signing-region': options.s3SigningRegion,
      's3-use-path-style': flag(origin, 's3UsePathStyle', options.s3UsePathStyle),
    });
    return new CsiDriver(origin, LINSTOR, {
      ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [LINSTOR_PREFIX + name, value])),
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }, (parameter) => props[parameter.replace(LINSTOR_PREFIX, '')] ?? secretProp(parameter));
  }

  /**
   * The hostpath driver for tests, `hostpath.csi.k8s.io`.
   *
   * @param options what to do at every snapshot
   * @see https://github.com/kubernetes-csi/csi-driver-host-path
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.hostpath();
   */
  public static hostpath(options: HostpathOptions = {}): CsiDriver {
    const origin = originOf('hostpath', options);
    return new CsiDriver(origin, HOSTPATH, given({ ignoreFailedRead: flag(origin, 'ignoreFailedRead', options.ignoreFailedRead) }));
  }

  /**
   * Any other driver, by the name of its `CSIDriver` object.
   *
   * The drivers that have a factory of their own are checked as there.
   *
   * @param name the name, as `kubectl get csidrivers` shows it
   * @param options what to do at every snapshot, and the driver's limits
   * @see https://kubernetes-csi.github.io/docs/drivers.html
   * @example
   * import { CsiDriver } from 'cdk8s-volume-snapshots';
   *
   * const driver = CsiDriver.of('csi.example.com', { parameters: { tier: 'cold' }, maxSnapshotsPerVolume: 30 });
   */
  public static of(name: string, options: CsiDriverOptions = {}): CsiDriver {
    const origin = originOf('of', options);
    requireText(origin, 'name', name);
    // unlike other names, that of a driver may have capital letters
    requireName(origin, 'name', name.toLowerCase(), 63);
    if (options.maxSnapshotsPerVolume !== undefined) { requireInteger(origin, 'maxSnapshotsPerVolume', options.maxSnapshotsPerVolume, 1); }
    if (options.minimumInterval) { requireDuration(origin, 'minimumInterval', options.minimumInterval, Duration.seconds(1), Duration.days(365)); }
    return new CsiDriver(
      origin, name, options.parameters ?? {}, (parameter) => `parameters.${parameter}`, options.maxSnapshotsPerVolume, options.minimumInterval,
    );
  }

  private static ceph(factory: DriverFactory, plainName: string, options: CephRbdOptions | CephFsOptions): CsiDriver {
    const origin = originOf(factory, options);
    if (options.operatorNamespace !== undefined) {
      // the name of a driver has at most 63 characters
      requireDnsLabel(origin, 'operatorNamespace', options.operatorNamespace, 63 - `.${plainName}`.length);
    }
    const name = options.operatorNamespace === undefined ? plainName : `${options.operatorNamespace}.${plainName}`;
    return new CsiDriver(origin, name, given({
      clusterID: options.clusterId,
      snapshotNamePrefix: options.snapshotNamePrefix,
      ...secretParameters(SNAPSHOTTER_SECRET, options.snapshotterSecret),
    }), (parameter) => parameter === 'clusterID' ? 'clusterId' : secretProp(parameter));
  }

  /**
   * Name of the driver, as in the field `driver` of a class.
   */
  public readonly name: string;

  /**
   * How many snapshots of one volume the driver keeps.
   *
   * @default - no limit is known
   */
  public readonly maxSnapshotsPerVolume?: number;

  /**
   * How long the driver makes a volume wait between two snapshots.
   *
   * @default - no interval is known
   */
  public readonly minimumInterval?: Duration;

  /**
   * The Secret with which snapshots are taken and deleted.
   *
   * @default - the driver needs no Secret, or the class names it
   */
  public readonly snapshotSecret?: SecretReference;

  /**
   * Whether snapshots are still there when their volume is deleted, or keep it from being deleted.
   *
   * @default - not known
   */
  public readonly outlivesVolume?: boolean;

  /**
   * Whether the driver snapshots several volumes at one moment, see `GroupSnapshotClass`.
   *
   * @default - not known
   */
  public readonly takesGroups?: boolean;

  private readonly _parameters: { [name: string]: string };

  private constructor(
    origin: string,
    name: string,
    parameters: { [name: string]: string },
    propOf: (parameter: string) => string = itself,
    limit?: number,
    interval?: Duration,
  ) {
    requireSnapshots(origin, 'name', name);
    requireParameters(origin, name, parameters, propOf);
    const { groups, minimumIntervalSeconds: seconds } = driverFacts(name);
    const afterVolume = kindOf(name, parameters)?.afterVolume;
    this.name = name;
    this._parameters = { ...parameters };
    this.maxSnapshotsPerVolume = limit ?? maxSnapshotsPerVolume(name, parameters);
    this.minimumInterval = interval ?? (seconds === undefined ? undefined : Duration.seconds(seconds));
    this.snapshotSecret = secretOf(SNAPSHOTTER_SECRET, parameters);
    this.outlivesVolume = afterVolume && afterVolume !== 'go';
    this.takesGroups = groups;
  }

  /**
   * Parameters of the class, as the driver reads them.
   */
  public get parameters(): { [name: string]: string } {
    return { ...this._parameters };
  }
}

/** The name of a factory in messages, once its options are found to be such. */
function originOf(factory: DriverFactory, options: object): string {
  const origin = `CsiDriver.${factory}`;
  requireKnownKeys(origin, options, DRIVER_OPTIONS[factory] as KnownKeys<object>, 'options');
  return origin;
}

function itself(parameter: string): string {
  return parameter;
}

/** The parameters that have a value. */
function given(parameters: { [name: string]: string | undefined }): { [name: string]: string } {
  return Object.fromEntries(Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** A boolean as text. */
function flag(origin: string, prop: string, value: boolean | undefined): string | undefined {
  requireBoolean(origin, prop, value);
  return value?.toString();
}

/** A map in JSON, with its keys in their order. */
function json(map: { [key: string]: string | { [key: string]: string } } | undefined): string | undefined {
  const sorted = (value: unknown): unknown => (typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(byKey).map(([key, item]) => [key, sorted(item)]))
    : value);
  return map && JSON.stringify(sorted(map));
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** A duration as a number of whole units. */
function whole(origin: string, prop: string, value: Duration | undefined, unit: Duration): string | undefined {
  if (value === undefined) { return undefined; }
  requireKind(origin, prop, value, 'Duration');
  const units = value.toMilliseconds({ integral: false }) / unit.toMilliseconds();
  if (!Number.isInteger(units)) {
    reject(origin, prop, { problem: 'the driver counts in whole units', got: value, allowed: `a multiple of ${unit.toHumanString()}`, fix: 'round it' });
  }
  return units.toString();
}

/** What a key and a value must not contain, because the driver splits them there. */
interface Separators {
  readonly keys: string[];
  readonly values: string[];
  readonly fix?: string;
}

/** Keys and values in the order of the keys, since not every language keeps the order of a map. */
function pairs(origin: string, prop: string, map: { [key: string]: string } | undefined, between: string, separators: Separators): string[] {
  return Object.entries(map ?? {}).sort(byKey).map(([key, value]) => {
    requireText(origin, `${prop}.${key}`, value);
    const inKey = separators.keys.find((separator) => key.includes(separator));
    const separator = inKey ?? separators.values.find((text) => value.includes(text));
    if (separator !== undefined) {
      reject(origin, prop, {
        problem: `the driver splits at '${separator}'`,
        got: `${key}${between}${value}`,
        allowed: `a ${inKey === undefined ? 'value' : 'key'} without '${separator}'`,
        fix: separators.fix ?? 'change it',
      });
    }
    return `${key}${between}${value}`;
  });
}

function joined(texts: string[], separator = ','): string | undefined {
  return texts.length === 0 ? undefined : texts.join(separator);
}

function secretProp(parameter: string): string {
  const prefix = [SNAPSHOTTER_SECRET, SNAPSHOTTER_LIST_SECRET].find((known) => parameter.startsWith(`${known}-`));
  return prefix === undefined ? parameter : parameter.replace(`${prefix}-`, 'snapshotterSecret.');
}
