import { ApiObject, App, Chart, Cron, Duration, Yaml } from 'cdk8s';
import { parse } from 'yaml';
import { newChart, objectOf, objectsOf } from './manifests';
import {
  VeleroBackup, VeleroExistingResources, VeleroRestore, VeleroRestoredCronJobs, VeleroRestoreProps, VeleroRestoreSource, VeleroSchedule,
} from '../src';

const source = VeleroRestoreSource.fromBackupName('shop-20260209');

function render(props: Partial<VeleroRestoreProps> = {}, chart = newChart()): Chart {
  new VeleroRestore(chart, 'Restore', { source, ...props });
  return chart;
}

const specOf = (props: Partial<VeleroRestoreProps> = {}) => objectOf(render(props), 'Restore').spec;

test('renders what it is told, with what suspends the CronJobs of a copy', () => {
  expect(Yaml.stringify(...render({
    metadata: { name: 'copy' },
    source: VeleroRestoreSource.newestOfScheduleName('shop-off-site'),
    namespaceMapping: { shop: 'shop-copy' },
    includedNamespaces: ['shop'],
    includedResources: ['*'],
    excludedResources: ['ingresses.networking.k8s.io'],
    includeClusterResources: false,
    labelSelectors: [{ app: 'web' }],
    restoreVolumes: true,
    existingResources: VeleroExistingResources.UPDATE,
    preserveNodePorts: true,
    restoreStatusOf: ['workflows'],
    itemOperationTimeout: Duration.hours(6),
    parallelFilesDownload: 4,
    writeSparseFiles: true,
  }).toJson())).toMatchInlineSnapshot(`
"apiVersion: v1
kind: ConfigMap
metadata:
  name: copy
  namespace: velero
data:
  modifiers.yaml: |
    version: v1
    resourceModifierRules:
      - conditions:
          groupResource: cronjobs.batch
          namespaces:
            - shop
        mergePatches:
          - patchData: '{"spec":{"suspend":true}}'
---
apiVersion: velero.io/v1
kind: Restore
metadata:
  name: copy
  namespace: velero
spec:
  excludedResources:
    - ingresses.networking.k8s.io
  existingResourcePolicy: update
  includeClusterResources: false
  includedNamespaces:
    - shop
  includedResources:
    - "*"
  itemOperationTimeout: 6h
  labelSelector:
    matchLabels:
      app: web
  namespaceMapping:
    shop: shop-copy
  preserveNodePorts: true
  resourceModifier:
    kind: configmap
    name: copy
  restorePVs: true
  restoreStatus:
    includedResources:
      - workflows
  scheduleName: shop-off-site
  uploaderConfig:
    parallelFilesDownload: 4
    writeSparseFiles: true
"
`);
});

test('changes nothing that is there, and brings the volumes, unless told otherwise', () => {
  expect(specOf()).toEqual({ backupName: 'shop-20260209', restorePVs: true, existingResourcePolicy: 'none', preserveNodePorts: false });
});

describe('the source', () => {
  test.each<[string, (chart: Chart) => VeleroRestoreSource, object]>([
    ['a backup of the app', chart => VeleroRestoreSource.fromBackup(new VeleroBackup(chart, 'Backup', { metadata: { name: 'b' } })), { backupName: 'b' }],
    ['the newest of a schedule of the app', chart => VeleroRestoreSource.newestOfSchedule(new VeleroSchedule(chart, 'S', { schedule: Cron.daily(), metadata: { name: 's' } })), { scheduleName: 's' }],
    ['the newest of a schedule', () => VeleroRestoreSource.newestOfScheduleName('s'), { scheduleName: 's' }],
  ])('is %s, and nothing else', (_, make, fields) => {
    const chart = newChart();
    const spec = objectOf(render({ source: make(chart) }, chart), 'Restore').spec;
    expect({ backupName: spec.backupName, scheduleName: spec.scheduleName }).toEqual({ backupName: undefined, scheduleName: undefined, ...fields });
  });

  test.each([
    ['a name that is none', () => VeleroRestoreSource.fromBackupName('No Name'), "[VeleroRestoreSource.fromBackupName] 'name': not a valid name"],
    ['a name as a backup', () => VeleroRestoreSource.fromBackup('b' as any), "[VeleroRestoreSource.fromBackup] 'backup': not a VeleroBackup, got 'b'"],
    ['a name as a schedule', () => VeleroRestoreSource.newestOfSchedule('s' as any), "'schedule': not a VeleroSchedule"],
  ])('is not %s', (_, make, message) => {
    expect(make).toThrow(message);
  });
});

describe('what is mapped must be in the backup, or it is restored over production', () => {
  const backup = (chart: Chart) => VeleroRestoreSource.fromBackup(new VeleroBackup(chart, 'Backup', { includedNamespaces: ['shop-*', 'web'], excludedNamespaces: ['shop-test'] }));
  const schedule = (chart: Chart) => VeleroRestoreSource.newestOfSchedule(new VeleroSchedule(chart, 'S', { schedule: Cron.daily(), includedNamespaces: ['shop'] }));

  test.each<[string, (chart: Chart) => VeleroRestoreSource, object, string]>([
    ['a backup', backup, { shop: 'copy' }, "'namespaceMapping': it is not in includedNamespaces of test/Backup, so that it would have no effect, got 'shop'; allowed shop-*, web;"],
    ['a backup that leaves it out', backup, { 'shop-test': 'copy' }, "'namespaceMapping': it is in excludedNamespaces of test/Backup, so that it would have no effect, got 'shop-test'"],
    ['a schedule', schedule, { shp: 'copy' }, "'namespaceMapping': it is not in includedNamespaces of test/S, so that it would have no effect, got 'shp'"],
  ])('%s', (_, sourceIn, namespaceMapping, message) => {
    const chart = newChart();
    expect(() => render({ source: sourceIn(chart), namespaceMapping: namespaceMapping as { [from: string]: string } }, chart)).toThrow(message);
  });

  test('which a pattern may say, and only Velero reads the rarer ones', () => {
    const chart = newChart();
    expect(() => render({ source: backup(chart), namespaceMapping: { 'shop-eu': 'copy' }, includedNamespaces: ['shop-[eu][us]'] }, chart)).not.toThrow();
  });
});

test('a source in another namespace than the restore is refused, since Velero would find no backup', () => {
  const chart = newChart();
  const elsewhere = VeleroRestoreSource.newestOfSchedule(new VeleroSchedule(chart, 'S', { schedule: Cron.daily(), metadata: { namespace: 'backups' } }));
  expect(() => render({ source: elsewhere }, chart)).toThrow("'source': it is in another namespace, where Velero does not look for it, got 'backups'; allowed velero;");
});

describe('CronJobs', () => {
  test('run again in their own namespace, where nothing is left of them', () => {
    const chart = render();
    expect(objectsOf(chart, 'ConfigMap')).toEqual([]);
    expect(objectOf(chart, 'Restore').spec).not.toHaveProperty('resourceModifier');
  });

  test('of a copy run only if that is said, or it would act as the original does', () => {
    expect(specOf({ namespaceMapping: { a: 'b' } }).resourceModifier).toEqual({ kind: 'configmap', name: objectOf(render({ namespaceMapping: { a: 'b' } }), 'ConfigMap').metadata.name });
    expect(specOf({ namespaceMapping: { a: 'b' }, cronJobs: VeleroRestoredCronJobs.RUN })).not.toHaveProperty('resourceModifier');
  });

  test('of a namespace that is restored where it was run on beside a copy of another, or production would stand still', () => {
    const conditionsOf = (props: Partial<VeleroRestoreProps>) =>
      parse(objectOf(render({ includedNamespaces: ['shop', 'web'], ...props }), 'ConfigMap').data['modifiers.yaml']).resourceModifierRules[0].conditions;
    // by the names of the backup
    expect(conditionsOf({ namespaceMapping: { shop: 'shop-copy' } })).toEqual({ groupResource: 'cronjobs.batch', namespaces: ['shop'] });
    expect(conditionsOf({ namespaceMapping: { shop: 'shop-copy' }, cronJobs: VeleroRestoredCronJobs.SUSPEND })).toEqual({ groupResource: 'cronjobs.batch' });
  });

  test('are suspended in place as well, if that is said', () => {
    const chart = render({ cronJobs: VeleroRestoredCronJobs.SUSPEND, metadata: { name: 'r', namespace: 'backups' } });
    expect(objectOf(chart, 'ConfigMap').metadata).toMatchObject({ name: 'r', namespace: 'backups' });
    // Velero takes a ConfigMap with one key only
    expect(Object.keys(objectOf(chart, 'ConfigMap').data)).toHaveLength(1);
  });
});

test('the Restore is the default child, with a stable name, in the namespace of Velero', () => {
  const restore = new VeleroRestore(newChart({ namespace: 'shop' }), 'Restore', { source });
  expect(ApiObject.of(restore).kind).toBe('Restore');
  expect([restore.name, restore.namespace, restore.cronJobs]).toEqual(['test-restore-c8ff0277', 'velero', VeleroRestoredCronJobs.RUN]);
});

test.each<[string, object, string]>([
  ['an empty mapping', { namespaceMapping: {} }, "'namespaceMapping': no namespace is mapped"],
  ['a mapping to itself, which would suspend production', { namespaceMapping: { shop: 'shop' } }, "'namespaceMapping': it is mapped to itself, got 'shop'"],
  ['two namespaces in one', { namespaceMapping: { a: 'c', b: 'c' } }, "'namespaceMapping': a and b would be restored into one namespace, got 'c'"],
  ['a mapping of what is not restored', { namespaceMapping: { shp: 'copy' }, includedNamespaces: ['shop'] }, "'namespaceMapping': it is not in includedNamespaces, so that it would have no effect, got 'shp'; allowed shop;"],
  ['a mapping of what is left out', { namespaceMapping: { shop: 'copy' }, excludedNamespaces: ['sho?'] }, "'namespaceMapping': it is in excludedNamespaces, so that it would have no effect, got 'shop'"],
  ["Velero's own word for the source", { backupName: 'b' }, "'backupName': a field of Velero, and no prop, got 'b';"],
  ['a mapping to nothing', { namespaceMapping: { shop: '' } }, "'namespaceMapping': not a valid name"],
  ['a kind as in a manifest', { restoreStatusOf: ['Workflow'] }, "'restoreStatusOf': not a name, got 'Workflow'"],
  ['no file at a time', { parallelFilesDownload: 0 }, "'parallelFilesDownload': out of range"],
  ['a name as the source', { source: 'backup' }, "'source': not a VeleroRestoreSource, got 'backup'; allowed a VeleroRestoreSource; write for example VeleroRestoreSource.fromBackupName('...')"],
  ['a policy that is none', { existingResources: 'recreate' }, "'existingResources': not a member of the enum"],
])('throws for %s', (_, props, message) => {
  expect(() => render(props as VeleroRestoreProps, new Chart(new App(), 'throws'))).toThrow(message);
});
