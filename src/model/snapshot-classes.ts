import { Manifest, ofKind, textOf, textsOf, titleOf } from './manifest';
import { GROUP_SNAPSHOT_API_GROUP, SNAPSHOT_API_GROUP } from '../private/api';
import { DEFAULT_CLASS_ANNOTATION, DEFAULT_GROUP_CLASS_ANNOTATION, GROUP_SNAPSHOT_CLASS_KIND, SNAPSHOT_CLASS_KIND } from '../private/chart-checks';
import { Parameters } from '../private/driver-rules';
import { VELERO_CLASS_LABEL } from '../private/velero';
import { RunnerConfig } from '../runner/config';

/** A class of snapshots, or of groups of them, among the files. */
export interface SnapshotClassFacts {
  readonly kind: string;
  /** what it is called in messages */
  readonly title: string;
  readonly name: string;
  readonly driver: string;
  readonly deletionPolicy: string;
  readonly parameters: Parameters;
  readonly isDefault: boolean;
  /** whether Velero takes it, whatever the value of its label */
  readonly isForVelero: boolean;
}

export function snapshotClassesIn(manifests: readonly Manifest[]): SnapshotClassFacts[] {
  return [
    ...ofKind(manifests, SNAPSHOT_API_GROUP, SNAPSHOT_CLASS_KIND),
    ...ofKind(manifests, GROUP_SNAPSHOT_API_GROUP, GROUP_SNAPSHOT_CLASS_KIND),
  ].map(object => ({
    kind: object.kind,
    title: titleOf(object),
    name: object.metadata.name,
    driver: textOf(object.driver),
    deletionPolicy: textOf(object.deletionPolicy),
    parameters: textsOf(object.parameters),
    isDefault: [DEFAULT_CLASS_ANNOTATION, DEFAULT_GROUP_CLASS_ANNOTATION].some(key => object.metadata.annotations[key] === 'true'),
    isForVelero: object.kind === SNAPSHOT_CLASS_KIND && object.metadata.labels[VELERO_CLASS_LABEL] !== undefined,
  }));
}

/** What the class of a schedule is called in messages, empty if it is left to the cluster. */
export function classTitle({ group, snapshotClassName }: RunnerConfig): string {
  if (group) { return `${GROUP_SNAPSHOT_CLASS_KIND} ${group.className}`; }
  return snapshotClassName === undefined ? '' : `${SNAPSHOT_CLASS_KIND} ${snapshotClassName}`;
}
