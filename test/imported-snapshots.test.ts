import { ApiObject, App, Chart, JsonPatch, Size, Yaml } from 'cdk8s';
import { entry, inventoryOf, textOf } from './inventories';
import { newChart, objectOf, objectsOf } from './manifests';
import {
  CsiDriver, DeletionPolicy, ImportedSnapshots, ImportedSnapshotsProps, PreProvisionedSnapshot, RemovalPolicy, RestoredPvc, SnapshotClass,
  SnapshotRef,
} from '../src';
import { FakeApiServer, FakePod, NAMESPACE, perform, schedule, TONIGHT } from './runner/fake-api-server';
import { CONFIG_VERSION, InventoryEntry, KEYS } from '../src/runner/config';
import { runInventory } from '../src/runner/inventory';
import { runRestore } from '../src/runner/restore';

// an administrator's chart, which is of no namespace
const newAdminChart = () => newChart({});

function importing(entries: InventoryEntry[], props: Partial<ImportedSnapshotsProps> = {}, chart = newAdminChart()): ImportedSnapshots {
  return new ImportedSnapshots(chart, 'Import', { inventory: textOf(inventoryOf(entries)), ...props });
}

/** What is rendered of one snapshot. */
function rendered(line: InventoryEntry = entry(), props: Partial<ImportedSnapshotsProps> = {}): { snapshot: any; content: any } {
  const chart = newAdminChart();
  importing([line], props, chart);
  return { snapshot: objectOf(chart, 'VolumeSnapshot'), content: objectOf(chart, 'VolumeSnapshotContent') };
}

test('renders a snapshot and its content, with all that a restore looks for', () => {
  const chart = newAdminChart();
  importing([entry()], {}, chart);
  expect(Yaml.stringify(...chart.toJson())).toMatchInlineSnapshot(`
"apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    cdk8s-volume-snapshots/claim: data
    cdk8s-volume-snapshots/claim-spec: '{"volumeMode":"Filesystem","storageClassName":"gp3","accessModes":["ReadWriteOnce"],"storage":"5Gi"}'
    cdk8s-volume-snapshots/cut-at: "2026-02-09T02:00:00.000Z"
    cdk8s-volume-snapshots/scheduled-for: "2026-02-09T02:00:00Z"
    cdk8s-volume-snapshots/taken-by: nightly
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  labels:
    cdk8s-volume-snapshots/claim: data
    cdk8s-volume-snapshots/claim-uid: uid-of-data
    cdk8s-volume-snapshots/consistency: crash
  name: data-20260209-020000-0123abcd
  namespace: shop
spec:
  source:
    volumeSnapshotContentName: shop-data-20260209-020000-0123abcd-f1f7a3ed
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotContent
metadata:
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
    cdk8s-volume-snapshots/claim: data
    cdk8s-volume-snapshots/claim-spec: '{"volumeMode":"Filesystem","storageClassName":"gp3","accessModes":["ReadWriteOnce"],"storage":"5Gi"}'
    cdk8s-volume-snapshots/cut-at: "2026-02-09T02:00:00.000Z"
    cdk8s-volume-snapshots/scheduled-for: "2026-02-09T02:00:00Z"
    cdk8s-volume-snapshots/taken-by: nightly
    helm.sh/resource-policy: keep
    kustomize.toolkit.fluxcd.io/prune: disabled
  labels:
    cdk8s-volume-snapshots/claim: data
    cdk8s-volume-snapshots/claim-uid: uid-of-data
    cdk8s-volume-snapshots/consistency: crash
  name: shop-data-20260209-020000-0123abcd-f1f7a3ed
spec:
  deletionPolicy: Retain
  driver: ebs.csi.aws.com
  source:
    snapshotHandle: snap-data-20260209-020000-0123abcd
  sourceVolumeMode: Filesystem
  volumeSnapshotRef:
    name: data-20260209-020000-0123abcd
    namespace: shop
"
`);
});

test('each line becomes a snapshot under its own name, in its own namespace', () => {
  const chart = newAdminChart();
  const made = importing([entry({ night: 8 }), entry({ night: 9 }), entry({ namespace: 'wiki' })], { newestPerClaim: 2 }, chart);
  expect(made.snapshots.map(({ namespace, snapshotName }) => `${namespace}/${snapshotName}`)).toEqual([
    'shop/data-20260208-020000-0123abcd', 'shop/data-20260209-020000-0123abcd', 'wiki/data-20260209-020000-0123abcd',
  ]);
  expect(objectsOf(chart, 'VolumeSnapshotContent').map(({ spec }) => spec.volumeSnapshotRef.namespace)).toEqual(['shop', 'shop', 'wiki']);
  expect(made.madeAt).toBe('2026-02-10T05:10:00.000Z');
});

test('the same file gives the same bytes', () => {
  const synthesize = () => {
    const chart = newAdminChart();
    importing([entry(), entry({ namespace: 'wiki' })], {}, chart);
    return Yaml.stringify(...chart.toJson());
  };
  expect(synthesize()).toBe(synthesize());
});

describe('no schedule of this cluster counts or prunes what is imported', () => {
  test('since no label says whose it is', () => {
    const { snapshot, content } = rendered(entry({ labels: { [KEYS.schedule]: 'nightly' } }));
    for (const { metadata } of [snapshot, content]) {
      expect(metadata.labels).not.toHaveProperty([KEYS.schedule]);
      expect(metadata.annotations[KEYS.takenBy]).toBe('nightly');
    }
  });

  test('whatever the id under which restores find it', () => {
    const { snapshot } = rendered(entry(), { scheduleId: 'from-the-old-cluster' });
    expect(snapshot.metadata.labels).not.toHaveProperty([KEYS.schedule]);
    expect(snapshot.metadata.annotations[KEYS.takenBy]).toBe('from-the-old-cluster');
  });

  test('and what nobody scheduled is found under an id only if one is given', () => {
    expect(rendered(entry({ schedule: undefined })).snapshot.metadata.annotations).not.toHaveProperty([KEYS.takenBy]);
    expect(rendered(entry({ schedule: undefined }), { scheduleId: 'imported' }).snapshot.metadata.annotations[KEYS.takenBy]).toBe('imported');
  });
});

describe('what is known of the data comes along', () => {
  test('consistency, verification, holds, labels of its own', () => {
    const labels = { team: 'shop', [KEYS.hold]: 'ticket-7' };
    const { snapshot } = rendered(entry({ consistency: 'application', verified: true, labels, annotations: { [KEYS.verifiedAt]: 'then' } }));
    expect(snapshot.metadata.labels).toMatchObject({ ...labels, [KEYS.consistency]: 'application', [KEYS.verified]: 'true' });
    expect(snapshot.metadata.annotations).toMatchObject({ [KEYS.verifiedAt]: 'then' });
  });

  test('also that a drill has found the data bad', () => {
    expect(rendered(entry({ verified: false })).snapshot.metadata.labels[KEYS.verified]).toBe('false');
    expect(rendered().snapshot.metadata.labels).not.toHaveProperty([KEYS.verified]);
  });

  test('but nothing by which a tool of the other cluster would take it for its own, and delete it', () => {
    const labels = { 'app.kubernetes.io/instance': 'shop', 'argocd.argoproj.io/instance': 'shop', 'kustomize.toolkit.fluxcd.io/name': 'shop', 'team': 'shop' };
    expect(Object.keys(rendered(entry({ labels })).snapshot.metadata.labels)).toEqual([KEYS.claim, KEYS.claimUid, KEYS.consistency, 'team']);
  });

  test('a claim with a name that is too long for a label, in full', () => {
    const claim = 'data-'.repeat(20) + '0';
    const { metadata } = rendered(entry({ claim, claimUid: 'uid', name: 'long' })).snapshot;
    expect(metadata.labels[KEYS.claim]).toHaveLength(63);
    expect(metadata.annotations[KEYS.claim]).toBe(claim);
  });
});

describe('what a claim must ask for', () => {
  const specOf = (line: InventoryEntry, props: Partial<ImportedSnapshotsProps> = {}) => JSON.parse(rendered(line, props).snapshot.metadata.annotations[KEYS.claimSpec] ?? 'null');

  test('is what the lost one asked for, in the storage class of this cluster', () => {
    expect(specOf(entry())).toEqual({ storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem', storage: '5Gi' });
    expect(specOf(entry(), { newStorageClasses: { gp3: 'fast' } }).storageClassName).toBe('fast');
  });

  test('is never less than the data needs, since a driver that cannot list its snapshots does not say so again', () => {
    expect(specOf(entry({ restoreSize: 6 * 1024 ** 3 })).storage).toBe(`${6 * 1024 ** 3}`);
    expect(specOf(entry({ restoreSize: undefined })).storage).toBe('5Gi');
  });

  test('is known at least by size and mode of another tool\'s snapshot', () => {
    expect(specOf(entry({ claimSpec: undefined, volumeMode: 'Block' }))).toEqual({ volumeMode: 'Block', storage: '5368709120' });
    expect(specOf(entry({ claimSpec: undefined, restoreSize: undefined }))).toBeNull();
  });
});

test('the mode of the volume is that of the one that was snapshotted', () => {
  expect(rendered(entry({ volumeMode: 'Block' })).content.spec.sourceVolumeMode).toBe('Block');
  expect(rendered(entry({ volumeMode: undefined })).content.spec.sourceVolumeMode).toBe('Filesystem');
});

describe('names of this cluster', () => {
  test('of namespaces, drivers and classes', () => {
    const chart = newAdminChart();
    const ceph = SnapshotClass.fromSnapshotClassName(chart, 'Class', 'ceph');
    importing([entry({ driver: 'rook-ceph.rbd.csi.ceph.com' })], {
      newNamespaces: { shop: 'shop-restored' },
      newDrivers: { 'rook-ceph.rbd.csi.ceph.com': CsiDriver.of('rbd.csi.ceph.com') },
      snapshotClasses: { 'rbd.csi.ceph.com': ceph },
    }, chart);
    expect(objectOf(chart, 'VolumeSnapshotContent').spec).toMatchObject({
      driver: 'rbd.csi.ceph.com', volumeSnapshotClassName: 'ceph', volumeSnapshotRef: { namespace: 'shop-restored' },
    });
    expect(objectOf(chart, 'VolumeSnapshot')).toMatchObject({ metadata: { namespace: 'shop-restored' }, spec: { volumeSnapshotClassName: 'ceph' } });
  });

  test.each(['ebs.csi.aws.com', 'pd.csi.storage.gke.io', 'disk.csi.azure.com', 'rook-ceph.rbd.csi.ceph.com', 'driver.longhorn.io', 'pxd.portworx.com', 'my.csi.example.com'])(
    'are not needed for %s', driver => {
      expect(rendered(entry({ driver })).content.spec.driver).toBe(driver);
    });
});

test('the storage is retained, and the objects are left alone by GitOps tools, unless told otherwise', () => {
  const { content } = rendered();
  expect([content.spec.deletionPolicy, content.metadata.annotations['helm.sh/resource-policy']]).toEqual(['Retain', 'keep']);
  const other = rendered(entry(), { deletionPolicy: DeletionPolicy.DELETE, removalPolicy: RemovalPolicy.DELETE }).content;
  expect([other.spec.deletionPolicy, other.metadata.annotations['helm.sh/resource-policy']]).toEqual(['Delete', undefined]);
});

describe('the newest of a claim', () => {
  const all = () => importing([entry({ night: 9, name: 'b' }), entry({ night: 8, name: 'a' }), entry({ claim: 'logs', night: 7 })], { newestPerClaim: 9 });

  test('can be given to a RestoredPvc', () => {
    const chart = newChart({ namespace: 'shop' });
    const made = importing([entry({ night: 8 }), entry({ night: 9 })], { newestPerClaim: 9 }, chart);
    new RestoredPvc(chart, 'Restored', { snapshot: SnapshotRef.fromSnapshot(made.newestOf('data')), size: Size.gibibytes(5) });
    expect(objectOf(chart, 'PersistentVolumeClaim').spec.dataSource.name).toBe('data-20260209-020000-0123abcd');
  });

  test('is that which was cut last, wherever it stands', () => {
    expect(all().newestOf('data').snapshotName).toBe('b');
    expect(all().newestOf('data')).toBeInstanceOf(PreProvisionedSnapshot);
  });

  test('of a claim that is not imported is an error', () => {
    expect(() => all().newestOf('dta')).toThrow("[test/Import] 'claimName': no snapshot of this claim is imported, got 'dta'; allowed shop/data, shop/logs; correct");
    expect(() => all().newestOf('data', 'wiki')).toThrow('no snapshot of this claim is imported');
  });

  test('of a claim that is in two namespaces needs one', () => {
    const made = importing([entry(), entry({ namespace: 'wiki' })]);
    expect(() => made.newestOf('data')).toThrow("snapshots of such a claim are imported in shop, wiki, got 'data'");
    expect(made.newestOf('data', 'wiki').namespace).toBe('wiki');
  });
});

describe('is refused', () => {
  test('where two would have one name', () => {
    const two = [entry({ name: 'x', claim: 'data', handle: 'h1' }), entry({ name: 'x', claim: 'logs', namespace: 'wiki', handle: 'h2' })];
    expect(() => importing(two, { newNamespaces: { wiki: 'shop' } }))
      .toThrow("[test/Import] 'inventory': two snapshots would be called 'shop/x': of handle 'h1', and of handle 'h2', got ''shop/x' and 'wiki/x''");
    expect(() => importing(two)).not.toThrow();
  });

  test('with a file that is damaged, by the path of the construct', () => {
    expect(() => importing([], { inventory: '{' })).toThrow("[test/Import] 'inventory': cut off, or not JSON");
  });

  test.each<[Partial<ImportedSnapshotsProps>, RegExp]>([
    [{ namespaces: [] }, /'namespaces': nothing would be selected/],
    [{ claims: 'data' as any }, /'claims': not a list/],
    [{ schedules: [7 as any] }, /'schedules': not text/],
    [{ claims: ['dta'] }, /'claims': no snapshot that is selected is of this one, got 'dta'/],
    [{ takenBefore: '2026-02-09' }, /'takenBefore': not a time, got '2026-02-09'; .* write for example 2026-02-09T02:00:00Z/],
    [{ takenBefore: '2026-02-09T02:00' }, /'takenBefore': not a time/],
    [{ takenBefore: '2026-02-39T02:00:00Z' }, /'takenBefore': not a time/],
    [{ takenBefore: new Date(0) as any }, /'takenBefore': not a time/],
    [{ takenBefore: '2026-02-01T02:00:00Z' }, /'inventory': none of its snapshots is selected/],
    [{ newestPerClaim: 0 }, /'newestPerClaim': out of range/],
    [{ orphans: 'no' as any }, /'orphans': not a boolean/],
    [{ scheduleId: 'a b' }, /'scheduleId': not a valid value of the label/],
    [{ newNamespaces: { shpo: 'shop' } }, /'newNamespaces': the snapshots of the inventory have no such name, got 'shpo'; allowed shop/],
    [{ newNamespaces: { shop: 'Shop' } }, /'newNamespaces': not a valid name/],
    [{ newNamespaces: 'shop' as any }, /'newNamespaces': not a map/],
    [{ newDrivers: { ebs: CsiDriver.awsEbs() } }, /'newDrivers': the snapshots of the inventory have no such name, got 'ebs'; allowed ebs\.csi\.aws\.com/],
    [{ newDrivers: { 'ebs.csi.aws.com': 'ebs' as any } }, /'newDrivers': not a CsiDriver/],
    [{ newStorageClasses: { gp2: 'fast' } }, /'newStorageClasses': the snapshots of the inventory have no such name, got 'gp2'; allowed gp3/],
    [{ newStorageClasses: { gp3: 'Fast' } }, /'newStorageClasses': not a valid name/],
    [{ snapshotClasses: { 'disk.csi.azure.com': undefined as any } }, /'snapshotClasses': the snapshots of the inventory have no such name/],
    [{ snapshotClasses: { 'ebs.csi.aws.com': 'fast' as any } }, /'snapshotClasses': not an ISnapshotClass/],
    [{ deletionPolicy: 'Keep' as any }, /'deletionPolicy': not a member of the enum/],
    [{ removalPolicy: 'Retain' as any }, /'removalPolicy': not a member of the enum/],
    [{ newestPerClaims: 2 } as any, /'newestPerClaims': no such prop, .* did you mean newestPerClaim\?/],
  ])('as %j', (props, message) => {
    expect(() => importing([entry()], props)).toThrow(message);
  });

  test('outside a chart', () => {
    expect(() => new ImportedSnapshots(new App(), 'Import', { inventory: textOf(inventoryOf([entry()])) })).toThrow("'scope': not in a chart");
  });
});

test('a single snapshot can be patched', () => {
  const chart = newAdminChart();
  const made = importing([entry()], {}, chart);
  ApiObject.of(made.snapshots[0]).addJsonPatch(JsonPatch.add('/metadata/labels/team', 'shop'));
  expect(objectOf(chart, 'VolumeSnapshot').metadata.labels.team).toBe('shop');
});

describe('from one cluster to the next', () => {
  /** The file of a cluster where two snapshots were taken. */
  async function lost(): Promise<string> {
    const server = new FakeApiServer();
    server.addClaim('data', { spec: { storageClassName: 'gp3', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } } });
    for (let night = 0; night < 2; night += 1) { await perform(server, { config: schedule(), run: { kind: 'Manual', jobUid: `job-${night}` } }); }
    let text = '';
    const config = { kind: 'Inventory', version: CONFIG_VERSION, minimumSnapshots: 2 } as const;
    await server.clock.until(runInventory({
      client: new FakePod(server), config, signal: new AbortController().signal, log: () => undefined, write: made => { text = made; },
    }));
    return text;
  }

  /** The next one, where a driver that cannot list its snapshots says that all were cut when they were imported. */
  function next(chart: Chart): FakeApiServer {
    const server = new FakeApiServer();
    const now = new Date(server.clock.now()).toISOString();
    for (const object of chart.toJson()) {
      const { name, namespace } = object.metadata;
      const path = namespace ? `/apis/snapshot.storage.k8s.io/v1/namespaces/${namespace}/volumesnapshots` : '/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents';
      const status = { readyToUse: true, creationTime: namespace ? now : TONIGHT * 1e6, boundVolumeSnapshotContentName: `of-${name}` };
      server.add(path, { ...object, metadata: { ...object.metadata, creationTimestamp: now }, status });
    }
    return server;
  }

  async function restore(server: FakeApiServer): Promise<string[]> {
    const result = await server.clock.until(runRestore({
      client: new FakePod(server),
      config: {
        kind: 'Restore',
        version: CONFIG_VERSION,
        restoreId: 'restore',
        scheduleId: 'nightly',
        claims: [{ kind: 'Claim', name: 'data' }],
        names: 'same',
        requestName: 'r',
        timeoutSeconds: 600,
        labels: {},
      },
      namespace: NAMESPACE,
      pod: 'p',
      jobUid: 'j',
      signal: new AbortController().signal,
      log: () => undefined,
    }));
    expect(result.message).toMatch(/^1 of 1 claims are restored/);
    return server.listOf(`/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims`).map(({ metadata, spec }) =>
      [metadata.name, spec.dataSource.name, spec.storageClassName, spec.resources.requests.storage].join(' '));
  }

  test('a restore by the id of the schedule takes the newest by when it was cut, not by when it was imported', async () => {
    const inventory = await lost();
    const lines = JSON.parse(inventory).snapshots.sort((a: any, b: any) => (a.cutAt < b.cutAt ? -1 : 1));
    const chart = newAdminChart();
    new ImportedSnapshots(chart, 'Import', { inventory, newestPerClaim: 2 });
    expect(await restore(next(chart))).toEqual([`data ${lines[1].name} gp3 5Gi`]);
  });

  test('a schedule of the same id that keeps one snapshot does not count them', async () => {
    const chart = newAdminChart();
    new ImportedSnapshots(chart, 'Import', { inventory: await lost(), newestPerClaim: 2 });
    const server = next(chart);
    server.addClaim('data');
    const { exitCode } = await perform(server, { config: schedule({ retention: { keepLast: 1, minimumReady: 1 } }) });
    expect([exitCode, server.listOf(`/apis/snapshot.storage.k8s.io/v1/namespaces/${NAMESPACE}/volumesnapshots`).length]).toEqual([0, 3]);
  });
});
