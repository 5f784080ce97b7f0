import { Manifest, ofKind, textOf, textsOf, titleOf } from './manifests';
import { SNAPSHOT_API_GROUP } from '../private/api';
import { DEFAULT_CLASS_ANNOTATION, SNAPSHOT_CLASS_KIND } from '../private/chart-checks';
import { Parameters } from '../private/driver-facts';

/** A snapshot class among the files. */
export interface SnapshotClassFacts {
  /** what it is called in messages */
  readonly title: string;
  readonly name: string;
  readonly driver: string;
  readonly deletionPolicy: string;
  readonly parameters: Parameters;
  readonly isDefault: boolean;
}

export function snapshotClassesIn(manifests: readonly Manifest[]): SnapshotClassFacts[] {
  return ofKind(manifests, SNAPSHOT_API_GROUP, SNAPSHOT_CLASS_KIND).map(object => ({
    title: titleOf(object),
    name: object.metadata.name,
    driver: textOf(object.driver),
    deletionPolicy: textOf(object.deletionPolicy),
    parameters: textsOf(object.parameters),
    isDefault: object.metadata.annotations[DEFAULT_CLASS_ANNOTATION] === 'true',
  }));
}
