import { ApiObject, Chart } from 'cdk8s';
import { Construct, IConstruct } from 'constructs';
import { chartOf, GROUP_SNAPSHOT_API_GROUP, SNAPSHOT_API_GROUP } from './api';
import { Scheduled, SCHEDULED_MARK } from './marks';
import { message } from './validate';
import { VELERO_CLASS_LABEL } from './velero';

export const SNAPSHOT_CLASS_KIND = 'VolumeSnapshotClass';

/** @see https://kubernetes.io/docs/concepts/storage/volume-snapshot-classes/#the-volumesnapshotclass-resource */
export const DEFAULT_CLASS_ANNOTATION = 'snapshot.storage.kubernetes.io/is-default-class';

export const GROUP_SNAPSHOT_CLASS_KIND = 'VolumeGroupSnapshotClass';

/** @see https://kubernetes-csi.github.io/docs/group-snapshot-restore-feature.html */
export const DEFAULT_GROUP_CLASS_ANNOTATION = 'groupsnapshot.storage.kubernetes.io/is-default-class';

// part of no name, since nothing is rendered for it
const ID = 'cdk8s-volume-snapshots.Checks';

/**
 * Has the chart of this construct checked at synth, once, however many constructs ask for it.
 *
 * It is the chart as a whole that is checked, because each object may be fine alone.
 */
export function registerChartChecks(construct: IConstruct): void {
  const chart = chartOf(construct);
  if (chart.node.tryFindChild(ID)) { return; }
  new Construct(chart, ID);
  chart.node.addValidation({ validate: () => chartProblems(chart) });
}

/** What is wrong with the objects of a chart together; those of a nested chart are another file, perhaps for another cluster. */
export function chartProblems(chart: Chart): string[] {
  const nodes = chart.node.findAll();
  const objects = nodes.filter((node) => ApiObject.isApiObject(node)).filter((object) => object.chart === chart);
  const schedules = nodes.filter((node): node is IConstruct & Scheduled => SCHEDULED_MARK in node && chartOf(node) === chart);
  return [
    ...duplicateObjects(objects),
    ...duplicateDefaultClasses(objects, SNAPSHOT_API_GROUP, SNAPSHOT_CLASS_KIND, DEFAULT_CLASS_ANNOTATION),
    ...duplicateDefaultClasses(objects, GROUP_SNAPSHOT_API_GROUP, GROUP_SNAPSHOT_CLASS_KIND, DEFAULT_GROUP_CLASS_ANNOTATION),
    ...duplicateVeleroClasses(objects),
    ...duplicateDefaultLocations(objects),
    ...duplicateScheduleIds(schedules),
  ];
}

function duplicateObjects(objects: ApiObject[]): string[] {
  const twins = pairUp(objects, ({ apiGroup, kind, name, metadata }) => {
    // a name that is produced at synth cannot be compared before
    return typeof name === 'string' && typeof (metadata.namespace ?? '') === 'string'
      ? JSON.stringify([apiGroup, kind, metadata.namespace, name])
      : undefined;
  });
  // rendering is expensive, so a patch of the name is looked for only where it matters
  return twins.filter(([first, second]) => renderedId(first) === renderedId(second)).map(([first, second]) => message(second, 'metadata.name', {
    problem: `the ${second.kind} at ${first.node.path} has the same name${second.metadata.namespace ? ` and namespace '${second.metadata.namespace}'` : ''}`,
    got: second.name,
    allowed: 'one object of a kind, namespace and name in a chart',
    fix: 'rename one of the two',
  }));
}

function duplicateDefaultClasses(objects: ApiObject[], apiGroup: string, kind: string, annotation: string): string[] {
  const driverOf = ({ metadata, driver }: any) => (metadata?.annotations?.[annotation] === 'true' ? driver : undefined);
  return rivals(objects, apiGroup, kind, driverOf, (first, { driver }) => ({
    prop: 'defaultClass',
    problem: `the class at ${first.node.path} is the default of the driver ${driver} too`,
    allowed: 'one default class for a driver, or a snapshot without a class name fails',
  }));
}

/** Velero takes the first that it finds, which may be another one each time. */
function duplicateVeleroClasses(objects: ApiObject[]): string[] {
  const driverOf = ({ metadata, driver }: any) => (metadata?.labels?.[VELERO_CLASS_LABEL] !== undefined ? driver : undefined);
  return rivals(objects, SNAPSHOT_API_GROUP, SNAPSHOT_CLASS_KIND, driverOf, (first, { driver }) => ({
    prop: 'veleroClass',
    problem: `the class at ${first.node.path} is the one of the driver ${driver} for Velero too`,
    allowed: 'one class for Velero for a driver, or it takes any of them',
  }));
}

function duplicateDefaultLocations(objects: ApiObject[]): string[] {
  const namespaceOf = ({ metadata, spec }: any) => (spec?.default === true ? `${metadata?.namespace}` : undefined);
  return rivals(objects, 'velero.io', 'BackupStorageLocation', namespaceOf, first => ({
    prop: 'defaultLocation',
    problem: `the location at ${first.node.path} is the default one too`,
    allowed: 'one default location, or backups go to any of them',
  }));
}

/** Objects of a kind of which there may be one for a key that they have as they are rendered; with what is said of the second. */
function rivals(
  objects: ApiObject[], apiGroup: string, kind: string, keyOf: (manifest: any) => string | undefined,
  say: (first: ApiObject, second: any) => { prop: string; problem: string; allowed: string },
): string[] {
  const rendered = objects
    .filter(object => object.kind === kind && object.apiGroup === apiGroup)
    .map(object => ({ object, manifest: object.toJson() }));
  return pairUp(rendered, ({ manifest }) => keyOf(manifest)).map(([first, second]) => {
    const { prop, ...problem } = say(first.object, second.manifest);
    return message(second.object, prop, { ...problem, got: second.manifest.metadata.name, fix: 'choose one of the two' });
  });
}

/** Each would prune the other's snapshots by its own rules. */
function duplicateScheduleIds(schedules: (IConstruct & Scheduled)[]): string[] {
  return pairUp(schedules, ({ namespace, scheduleId }) => JSON.stringify([namespace, scheduleId])).map(([first, second]) => message(second, 'scheduleId', {
    problem: `the schedule at ${first.node.path} has the same id in the namespace, and the two would prune each other's snapshots`,
    got: second.scheduleId,
    allowed: 'an id of its own for each schedule',
    fix: 'leave it out, or change one of the two',
  }));
}

/** Each item with the first one of the same key, if that is another one. */
function pairUp<T>(items: T[], keyOf: (item: T) => string | undefined): [T, T][] {
  const firsts = new Map<string, T>();
  return items.flatMap((item): [T, T][] => {
    const key = keyOf(item);
    if (key === undefined) { return []; }
    const first = firsts.get(key);
    if (first !== undefined) { return [[first, item]]; }
    firsts.set(key, item);
    return [];
  });
}

function renderedId(object: ApiObject): string {
  const { metadata } = object.toJson();
  return JSON.stringify([metadata?.namespace, metadata?.name]);
}
