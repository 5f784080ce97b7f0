import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Chart, Cron, Yaml } from 'cdk8s';
import { apply, applyChart, bound, claim, DRIVER, eventually, freshNamespace, getJson, kubectl, names, runJob, sleep } from '../cluster';
import { storedMembersOf, storedSnapshots } from './knobs';
import {
  CsiDriver, DeletionPolicy, GroupSnapshotClass, RetentionPolicy, ScheduledSnapshot, SnapshotClass, SnapshotHoldGuard, SnapshotSource,
  SnapshotSubject,
} from 'cdk8s-volume-snapshots';

const NAMESPACE = 'e2e-hold';
const GONE = 'e2e-hold-gone';
const UNGUARDED = 'e2e-hold-unguarded';
const GUARD = 'e2e-hold-guard';
const HOLD = 'cdk8s-volume-snapshots/hold';
const UNTIL = 'cdk8s-volume-snapshots/hold-until';
// a name that would break out of a careless expression
const QUOTED = "o'hara \"x\" \\";

/** Everybody here may do everything with VolumeSnapshots, as far as RBAC goes. */
const PERSON = ['--as=e2e-hold-person', '--as-group=e2e-hold-people'];
const ADMINISTRATOR: string[] = [];
const JANE = ['--as=e2e-hold-jane'];
const LEGAL = ['--as=someone', '--as-group=e2e-hold-legal'];

const directory = mkdtempSync(join(tmpdir(), 'hold-guard-'));
const TOKEN = [`--kubeconfig=${join(directory, 'kubeconfig')}`];

function guard(): any[] {
  const chart = new Chart(new App(), 'platform');
  new SnapshotHoldGuard(chart, 'HoldGuard', {
    metadata: { name: GUARD },
    namespaces: [NAMESPACE, GONE],
    releasers: [
      SnapshotSubject.user('e2e-hold-jane'), SnapshotSubject.user(QUOTED), SnapshotSubject.group('e2e-hold-legal'),
      SnapshotSubject.serviceAccount('releaser', NAMESPACE),
    ],
  });
  return chart.toJson();
}

const removeGuard = () => spawnSync('kubectl', ['delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', GUARD, '--ignore-not-found']);

interface Marks {
  readonly labels?: { [key: string]: string };
  readonly annotations?: { [key: string]: string };
}

function manifest(name: string, marks: Marks, namespace = NAMESPACE): any {
  return {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name, namespace, ...marks },
    spec: { volumeSnapshotClassName: 'e2e-hold', source: { persistentVolumeClaimName: 'a' } },
  };
}

const read = (name: string, namespace = NAMESPACE) => getJson('-n', namespace, 'volumesnapshot', name);

/** A snapshot that is ready, whose manifest kubectl does not remember. */
async function taken(name: string, marks: Marks = {}, namespace = NAMESPACE): Promise<any> {
  kubectl(['create', '-f', '-'], JSON.stringify(manifest(name, marks, namespace)));
  return eventually(`${name} is ready`, 60, () => {
    const snapshot = read(name, namespace);
    return snapshot.status?.readyToUse && snapshot;
  });
}

/** What kubectl says when it is refused, or undefined if it is not. */
function refusal(who: string[], args: string[], input?: string): string | undefined {
  try {
    kubectl([...who, '-n', NAMESPACE, ...args], input);
    return undefined;
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

const allowed = (who: string[], ...args: string[]) => expect(refusal(who, args)).toBeUndefined();
const merge = (name: string, body: object, ...more: string[]) => ['patch', 'volumesnapshot', name, '--type=merge', '-p', JSON.stringify(body), ...more];
const tryToDelete = (name: string) => ['delete', 'volumesnapshot', name, '--dry-run=server'];

const enforced = () => eventually('the guard is enforced', 30, () => refusal(PERSON, tryToDelete('labelled')));

beforeAll(async () => {
  removeGuard();
  [NAMESPACE, GONE, UNGUARDED].forEach(namespace => freshNamespace(namespace));
  const rbac = 'rbac.authorization.k8s.io';
  apply([
    ...[NAMESPACE, GONE, UNGUARDED].map(namespace => claim(namespace, 'a')),
    { apiVersion: 'snapshot.storage.k8s.io/v1', kind: 'VolumeSnapshotClass', metadata: { name: 'e2e-hold' }, driver: DRIVER, deletionPolicy: 'Delete' },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'releaser', namespace: NAMESPACE } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: 'e2e-hold' },
      rules: [
        { apiGroups: ['snapshot.storage.k8s.io'], resources: ['volumesnapshots', 'volumesnapshots/status'], verbs: ['*'] },
        { apiGroups: ['groupsnapshot.storage.k8s.io'], resources: ['volumegroupsnapshots'], verbs: ['*'] },
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: 'e2e-hold' },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'e2e-hold' },
      subjects: [
        { apiGroup: rbac, kind: 'Group', name: 'e2e-hold-people' },
        { apiGroup: rbac, kind: 'Group', name: 'e2e-hold-legal' },
        { apiGroup: rbac, kind: 'User', name: 'e2e-hold-jane' },
        { apiGroup: rbac, kind: 'User', name: QUOTED },
        { kind: 'ServiceAccount', name: 'releaser', namespace: NAMESPACE },
      ],
    },
  ]);
  for (const namespace of [NAMESPACE, GONE, UNGUARDED]) { await bound(namespace, 'a'); }
  const config = JSON.parse(kubectl(['config', 'view', '--minify', '--raw', '-o', 'json']));
  config.users[0].user = { token: kubectl(['-n', NAMESPACE, 'create', 'token', 'releaser']).trim() };
  writeFileSync(join(directory, 'kubeconfig'), JSON.stringify(config));
  apply(guard());
  await taken('labelled', { labels: { [HOLD]: 'audit' } });
  await taken('annotated', { annotations: { [HOLD]: 'case 7' } });
  await taken('contradictory', { labels: { [HOLD]: 'audit' }, annotations: { [HOLD]: 'false' } });
  await taken('dated', { labels: { [UNTIL]: '2100-01-31' } });
  await taken('dated-annotated', { annotations: { [UNTIL]: '2100-01-31T12:00:00Z' } });
  await taken('free');
  await enforced();
});

afterAll(() => {
  removeGuard();
  rmSync(directory, { recursive: true });
  spawnSync('kubectl', ['delete', 'clusterrole/e2e-hold', 'clusterrolebinding/e2e-hold', '--ignore-not-found']);
  spawnSync('kubectl', ['delete', 'namespace', NAMESPACE, GONE, UNGUARDED, '--ignore-not-found', '--timeout=120s']);
  spawnSync('kubectl', ['delete', 'volumesnapshotclass', 'e2e-hold', '--ignore-not-found']);
});

test('a second kubectl apply changes nothing', () => {
  const lines = kubectl(['apply', '-f', '-'], Yaml.stringify(...guard())).trim().split('\n');
  expect(lines.map(line => line.split(' ').pop())).toEqual(['unchanged', 'unchanged']);
});

test('the API server finds no fault with the expressions', () => {
  expect(getJson('validatingadmissionpolicy', GUARD).status.typeChecking).toEqual({});
});

describe('refused, and the snapshot stays as it is', () => {
  const without = (name: string) => {
    const { labels: _labels, annotations: _annotations, ...metadata } = read(name).metadata;
    return JSON.stringify({ ...read(name), metadata });
  };
  const DELETION = /denied request: held by cdk8s-volume-snapshots\/hold=(audit|case 7); only user e2e-hold-jane or user o'hara .* may delete it/;
  const RELEASE = /denied request: only user e2e-hold-jane or .* may take away cdk8s-volume-snapshots\/hold, or set it to false/;
  const SHORTENING = /denied request: only user e2e-hold-jane or .* may take away or change cdk8s-volume-snapshots\/hold-until/;

  test.each<[string, string[], string, () => string[], RegExp]>([
    ['a person deletes a held snapshot', PERSON, 'labelled', () => ['delete', 'volumesnapshot', 'labelled'], DELETION],
    ['a person deletes a snapshot that is held by annotation', PERSON, 'annotated', () => ['delete', 'volumesnapshot', 'annotated'], DELETION],
    ['an administrator deletes a held snapshot', ADMINISTRATOR, 'labelled', () => ['delete', 'volumesnapshot', 'labelled'], DELETION],
    ['a snapshot is deleted of which label and annotation say different things', PERSON, 'contradictory', () => ['delete', 'volumesnapshot', 'contradictory'], DELETION],
    ['all snapshots are deleted at once', PERSON, 'labelled', () => ['delete', 'volumesnapshot', '-l', HOLD], DELETION],
    ['the collection is deleted', PERSON, 'labelled', () => [
      'delete', '--raw', `/apis/snapshot.storage.k8s.io/v1/namespaces/${NAMESPACE}/volumesnapshots?labelSelector=${HOLD}`,
    ], DELETION],
    ['a label is removed', PERSON, 'labelled', () => ['label', 'volumesnapshot', 'labelled', `${HOLD}-`], RELEASE],
    ['an administrator removes a label', ADMINISTRATOR, 'labelled', () => ['label', 'volumesnapshot', 'labelled', `${HOLD}-`], RELEASE],
    ['a label is set to false', PERSON, 'labelled', () => ['label', '--overwrite', 'volumesnapshot', 'labelled', `${HOLD}=false`], RELEASE],
    ['a false annotation is put beside a label', PERSON, 'labelled', () => ['annotate', 'volumesnapshot', 'labelled', `${HOLD}=false`], RELEASE],
    ['all labels are removed', PERSON, 'labelled', () => merge('labelled', { metadata: { labels: null } }), RELEASE],
    ['a hold is moved from label to annotation', PERSON, 'labelled', () =>
      merge('labelled', { metadata: { labels: null, annotations: { [HOLD]: 'x' } } }), RELEASE],
    ['a permitted change carries a removal along', PERSON, 'labelled', () => merge('labelled', { metadata: { labels: { [HOLD]: null, other: 'x' } } }), RELEASE],
    ['an annotation is removed', PERSON, 'annotated', () => ['annotate', 'volumesnapshot', 'annotated', `${HOLD}-`], RELEASE],
    ['an annotation is set to false', PERSON, 'annotated', () => ['annotate', '--overwrite', 'volumesnapshot', 'annotated', `${HOLD}=false`], RELEASE],
    ['a false label is put beside an annotation', PERSON, 'annotated', () => ['label', 'volumesnapshot', 'annotated', `${HOLD}=false`], RELEASE],
    ['a date is removed', PERSON, 'dated', () => ['label', 'volumesnapshot', 'dated', `${UNTIL}-`], SHORTENING],
    ['an administrator removes a date', ADMINISTRATOR, 'dated', () => ['label', 'volumesnapshot', 'dated', `${UNTIL}-`], SHORTENING],
    ['a date is changed', PERSON, 'dated', () => ['label', '--overwrite', 'volumesnapshot', 'dated', `${UNTIL}=2026-01-31`], SHORTENING],
    ['a second date is put beside the first', PERSON, 'dated', () => ['annotate', 'volumesnapshot', 'dated', `${UNTIL}=2026-01-31`], SHORTENING],
    ['a date in an annotation is removed', PERSON, 'dated-annotated', () => ['annotate', 'volumesnapshot', 'dated-annotated', `${UNTIL}-`], SHORTENING],
    ['a date in an annotation is changed', PERSON, 'dated-annotated', () =>
      ['annotate', '--overwrite', 'volumesnapshot', 'dated-annotated', `${UNTIL}=2026-01-31`], SHORTENING],
    ['a second date is put beside that in an annotation', PERSON, 'dated-annotated', () =>
      ['label', 'volumesnapshot', 'dated-annotated', `${UNTIL}=2026-01-31`], SHORTENING],
  ])('when %s', (_, who, name, args, message) => {
    const before = read(name);
    expect(refusal(who, args())).toMatch(message);
    expect(read(name)).toEqual(before);
  });

  test.each<[string, string[], RegExp]>([
    ['replaces it', ['replace', '-f', '-'], RELEASE],
    ['replaces it by force, which deletes it first', ['replace', '--force', '-f', '-'], DELETION],
  ])('when a person %s, to leave out its hold', (_, args, message) => {
    for (const name of ['labelled', 'annotated']) {
      const before = read(name);
      expect(refusal(PERSON, args, without(name))).toMatch(message);
      expect(read(name)).toEqual(before);
    }
  });

  test.each<[string, string[]]>([
    ['server-side', ['--server-side', '--field-manager=e2e']],
    ['client-side', []],
  ])('when a person applies it again without its hold, %s', async (side, flags) => {
    const name = `applied-${side}`;
    expect(refusal(PERSON, ['apply', ...flags, '-f', '-'], JSON.stringify(manifest(name, { labels: { [HOLD]: 'audit' } })))).toBeUndefined();
    expect(refusal(PERSON, ['apply', ...flags, '-f', '-'], JSON.stringify(manifest(name, {})))).toMatch(RELEASE);
    expect(read(name).metadata.labels).toEqual({ [HOLD]: 'audit' });
  });

  test('when its owner is deleted, though others go with theirs', async () => {
    await taken('owned', { labels: { [HOLD]: 'audit' } });
    await taken('owned-free');
    apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owner', namespace: NAMESPACE } }]);
    const { uid } = getJson('-n', NAMESPACE, 'configmap', 'owner').metadata;
    for (const name of ['owned', 'owned-free']) {
      allowed(PERSON, ...merge(name, { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }] } }));
    }
    kubectl(['-n', NAMESPACE, 'delete', 'configmap', 'owner']);
    await eventually('the other is gone', 30, () => !names('-n', NAMESPACE, 'volumesnapshots').includes('owned-free'));
    expect(read('owned').metadata).not.toHaveProperty('deletionTimestamp');
    // the garbage collector would try for ever
    allowed(PERSON, ...merge('owned', { metadata: { ownerReferences: null } }));
  });
});

test('a hold cannot be removed by a change of the status, which ignores metadata', () => {
  const hold = () => read('labelled').metadata.labels;
  allowed(PERSON, ...merge('labelled', { metadata: { labels: null } }, '--subresource=status'));
  expect(hold()).toEqual({ [HOLD]: 'audit' });
  const { labels: _, ...metadata } = read('labelled').metadata;
  expect(refusal(PERSON, ['replace', '--subresource=status', '-f', '-'], JSON.stringify({ ...read('labelled'), metadata }))).toBeUndefined();
  expect(hold()).toEqual({ [HOLD]: 'audit' });
});

describe('allowed for everybody', () => {
  test.each<[string, string, string[]]>([
    ['a hold is put on', 'free', ['label', 'volumesnapshot', 'free', `${HOLD}=x`, '--dry-run=server']],
    ['a date is put on', 'free', ['label', 'volumesnapshot', 'free', `${UNTIL}=2100-01-31`, '--dry-run=server']],
    ['a snapshot without a hold is deleted', 'free', tryToDelete('free')],
    ['a second hold is put on', 'labelled', ['annotate', 'volumesnapshot', 'labelled', `${HOLD}=also`, '--dry-run=server']],
    ['a hold gets another reason', 'labelled', ['label', '--overwrite', 'volumesnapshot', 'labelled', `${HOLD}=other`, '--dry-run=server']],
    ['another label of a held snapshot is changed', 'labelled', ['label', 'volumesnapshot', 'labelled', 'other=x', '--dry-run=server']],
    ['finalizers of a held snapshot are changed', 'labelled', merge('labelled', { metadata: { finalizers: ['example.com/x'] } }, '--dry-run=server')],
    ['a contradiction stays as it is', 'contradictory', ['label', 'volumesnapshot', 'contradictory', 'other=x', '--dry-run=server']],
    ['a hold is put on what has a date', 'dated', ['label', 'volumesnapshot', 'dated', `${HOLD}=x`, '--dry-run=server']],
    ['another label of what has a date is changed', 'dated', ['label', 'volumesnapshot', 'dated', 'other=x', '--dry-run=server']],
    ['what has a date alone is deleted, as the schedule does when it is over', 'dated', tryToDelete('dated')],
  ])('%s', (_, name, args) => {
    expect(read(name)).toBeDefined();
    allowed(PERSON, ...args);
  });

  test('a held snapshot is deleted where there is no guard', async () => {
    await taken('held', { labels: { [HOLD]: 'audit' } }, UNGUARDED);
    allowed(PERSON, '-n', UNGUARDED, ...tryToDelete('held'));
  });
});

describe('allowed for a releaser', () => {
  test.each<[string, string[]]>([
    ['a person', JANE],
    ['a person whose name has quotes', [`--as=${QUOTED}`]],
    ['a member of a group', LEGAL],
    ['a service account with its own token', TOKEN],
    ['an administrator who acts as one', ['--as=admin', '--as-group=e2e-hold-legal', '--as-group=system:masters']],
  ])('%s releases each kind of hold, and deletes what is held, its storage with it', async (_, who) => {
    const { metadata: { uid } } = await taken('mine', {
      labels: { [HOLD]: 'audit', [UNTIL]: '2100-01-31' }, annotations: { [HOLD]: 'case 7', [UNTIL]: '2100-01-31' },
    });
    for (const verb of ['label', 'annotate']) {
      allowed(who, verb, 'volumesnapshot', 'mine', `${UNTIL}-`);
      allowed(who, verb, 'volumesnapshot', 'mine', `${HOLD}-`);
      expect(refusal(PERSON, tryToDelete('mine')) === undefined).toBe(verb === 'annotate');
    }
    allowed(PERSON, 'label', 'volumesnapshot', 'mine', `${HOLD}=again`);
    allowed(who, 'delete', 'volumesnapshot', 'mine');
    await eventually('its storage is gone', 30, () => !storedSnapshots().includes(uid));
  });
});

describe('a group', () => {
  const GROUPS = 'volumegroupsnapshots.groupsnapshot.storage.k8s.io';
  const group = (name: string) => getJson('-n', NAMESPACE, GROUPS, name);
  const membersOf = ({ metadata }: any): any[] =>
    getJson('-n', NAMESPACE, 'volumesnapshots').items.filter((each: any) => each.metadata.ownerReferences?.some(({ uid }: any) => uid === metadata.uid));

  /** A group of the one claim, that is ready. */
  async function cut(name: string, marks: Marks = {}): Promise<any> {
    apply([{
      apiVersion: 'groupsnapshot.storage.k8s.io/v1beta2',
      kind: 'VolumeGroupSnapshot',
      metadata: { name, namespace: NAMESPACE, ...marks },
      spec: { volumeGroupSnapshotClassName: 'e2e-hold-groups', source: { selector: { matchLabels: { 'e2e-hold': 'group' } } } },
    }]);
    return eventually(`group ${name} is ready`, 60, () => group(name).status?.readyToUse && group(name));
  }

  beforeAll(() => {
    kubectl(['-n', NAMESPACE, 'label', 'pvc', 'a', 'e2e-hold=group']);
    applyChart(undefined, chart => new GroupSnapshotClass(chart, 'Groups', {
      metadata: { name: 'e2e-hold-groups' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE,
    }));
  });

  test('that is held with its members is deleted and released by a releaser alone', async () => {
    const held = await cut('held', { labels: { [HOLD]: 'audit' } });
    const [{ metadata: { name: member } }] = membersOf(held);
    allowed(PERSON, 'label', 'volumesnapshot', member, `${HOLD}=audit`);
    for (const who of [PERSON, ADMINISTRATOR]) {
      for (const object of [[GROUPS, 'held'], ['volumesnapshot', member]]) {
        expect(refusal(who, ['delete', ...object])).toMatch(/denied request: held by cdk8s-volume-snapshots\/hold=audit/);
        expect(refusal(who, ['label', ...object, `${HOLD}-`])).toMatch(/denied request: only .* may take away/);
      }
    }
    allowed(PERSON, 'label', GROUPS, 'held', 'other=x');
    expect([group('held').metadata, read(member).metadata].filter(({ deletionTimestamp }) => deletionTimestamp)).toEqual([]);
    expect(storedMembersOf(held)).toHaveLength(1);
    // as the page says: the controller that deletes the members is no releaser
    allowed(JANE, 'label', 'volumesnapshot', member, `${HOLD}-`);
    allowed(JANE, 'delete', GROUPS, 'held', '--timeout=60s');
    await eventually('its storage is gone', 30, () => storedMembersOf(held).length === 0);
  });

  test('of which a member alone is held is not guarded, and the data goes with it: why the page has the group held too', async () => {
    const cutOne = await cut('member-held');
    const [{ metadata: { name } }] = membersOf(cutOne);
    allowed(PERSON, 'label', 'volumesnapshot', name, `${HOLD}=audit`);
    allowed(PERSON, 'delete', GROUPS, 'member-held', '--wait=false');
    await eventually('its storage is gone', 60, () => storedMembersOf(cutOne).length === 0);
    allowed(JANE, 'label', 'volumesnapshot', name, `${HOLD}-`);
    await eventually('group and member are gone', 120, () =>
      !names('-n', NAMESPACE, GROUPS).includes('member-held') && !names('-n', NAMESPACE, 'volumesnapshots').includes(name));
  });
});

describe('controllers', () => {
  test('the snapshot controller makes a held snapshot ready, with all finalizers', () => {
    const { metadata, status } = read('labelled');
    expect(status).toMatchObject({ readyToUse: true, boundVolumeSnapshotContentName: expect.any(String) });
    expect(metadata.finalizers).toContain('snapshot.storage.kubernetes.io/volumesnapshot-bound-protection');
  });

  test('a held snapshot keeps its data when its content is deleted, which waits for the snapshot', async () => {
    const { metadata, status } = await taken('bound', { labels: { [HOLD]: 'audit' } });
    const content = status.boundVolumeSnapshotContentName;
    kubectl(['delete', 'volumesnapshotcontent', content, '--wait=false']);
    await eventually('the deletion is asked for', 10, () => getJson('volumesnapshotcontent', content).metadata.deletionTimestamp);
    // whatever acts on it has acted by then
    await sleep(5_000);
    expect(read('bound').status.readyToUse).toBe(true);
    expect(storedSnapshots()).toContain(metadata.uid);
    allowed(JANE, 'delete', 'volumesnapshot', 'bound');
    await eventually('content and storage go with the snapshot', 30, () =>
      !names('volumesnapshotcontents').includes(content) && !storedSnapshots().includes(metadata.uid));
  });

  test('a schedule prunes what is not held, and its service account cannot delete what is', async () => {
    applyChart(NAMESPACE, chart => new ScheduledSnapshot(chart, 'Schedule', {
      metadata: { name: 'nightly' },
      source: SnapshotSource.fromClaimName('a'),
      snapshotClass: new SnapshotClass(chart, 'Class', { metadata: { name: 'e2e-hold' }, driver: CsiDriver.of(DRIVER), deletionPolicy: DeletionPolicy.DELETE }),
      schedule: Cron.schedule({ hour: '3', minute: '15' }),
      suspend: true,
      retention: RetentionPolicy.keepLast(1),
    }));
    const its = () => names('-n', NAMESPACE, 'volumesnapshots', '-l', 'cdk8s-volume-snapshots/schedule=nightly');
    const nightly = [`--as=system:serviceaccount:${NAMESPACE}:nightly`];
    expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true });
    const [first] = its();
    allowed(nightly, ...tryToDelete(first));
    allowed(PERSON, 'label', 'volumesnapshot', first, `${HOLD}=audit`);
    expect(refusal(nightly, ['delete', 'volumesnapshot', first])).toMatch(/held by cdk8s-volume-snapshots\/hold=audit/);
    for (let run = 0; run < 2; run += 1) { expect(await runJob(NAMESPACE, 'nightly')).toMatchObject({ succeeded: true }); }
    await eventually('the held one and the newest are left', 30, () => its().length === 2 && its().includes(first));
  });

  test('the deletion of a namespace waits for the release of a hold, then goes on', async () => {
    const { metadata: { uid } } = await taken('held', { labels: { [HOLD]: 'audit' } }, GONE);
    await taken('free', {}, GONE);
    kubectl(['delete', 'namespace', GONE, '--wait=false']);
    await eventually('the namespace says what it waits for', 60, () => getJson('namespace', GONE).status.conditions?.find((condition: any) =>
      condition.type === 'NamespaceDeletionContentFailure' && /held by cdk8s-volume-snapshots\/hold=audit/.test(condition.message)));
    await eventually('the claim is gone with its namespace', 60, () => names('-n', GONE, 'persistentvolumeclaims').length === 0);
    expect(read('held', GONE)).toMatchObject({ status: { readyToUse: true } });
    expect(read('held', GONE).metadata).not.toHaveProperty('deletionTimestamp');
    expect(storedSnapshots()).toContain(uid);
    allowed(JANE, '-n', GONE, 'label', 'volumesnapshot', 'held', `${HOLD}-`);
    await eventually('the namespace is gone', 120, () => !names('namespaces').includes(GONE));
    await eventually('its storage is gone', 30, () => !storedSnapshots().includes(uid));
  });
});

test('without its binding the guard is open, and with it closed again', async () => {
  kubectl(['delete', 'validatingadmissionpolicybinding', GUARD]);
  await eventually('the guard is open', 30, () => refusal(ADMINISTRATOR, tryToDelete('labelled')) === undefined);
  apply(guard());
  await enforced();
});
