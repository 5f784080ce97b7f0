import { Finding, groupBy, note, risk } from './finding';
import { pathOf } from '../../model/manifest';
import { Model } from '../../model/model';
import { shortList } from '../../model/words';
import { GROUP_SNAPSHOT_API_GROUP, SNAPSHOT_API_GROUP } from '../../private/api';
import { CloneConfig, DrillConfig, QuiesceConfig, RestoreConfig, RunnerConfig } from '../../runner/config';
import { allows, Grant, grantsOf, rightsIn, UnknownGrant } from '../rights';

/** What a run does to one resource. */
interface Need {
  readonly apiGroup: string;
  readonly resource: string;
  readonly verbs: readonly string[];
  /** what does no harm beside, such as the rights of other versions */
  readonly harmless?: readonly string[];
  /** in all namespaces */
  readonly everywhere?: boolean;
  /** in this one; in that of the account if absent */
  readonly namespace?: string;
  /** of these objects alone */
  readonly names?: readonly string[];
}

/** An account that runs use, and what for. */
interface User {
  readonly title: string;
  readonly account: { readonly namespace: string; readonly name: string };
  readonly needs: readonly Need[];
}

const READING = ['get', 'list', 'watch'];
/** Reading these is as much as a write: they hold secrets, or open a way into pods and nodes. */
const SENSITIVE = /^(\*|secrets|.*\/(exec|attach|portforward|proxy|token))$/;

const snapshots = (verbs: string[]): Need => ({ apiGroup: SNAPSHOT_API_GROUP, resource: 'volumesnapshots', verbs, harmless: READING });
const groups = (verbs: string[]): Need => ({ apiGroup: GROUP_SNAPSHOT_API_GROUP, resource: 'volumegroupsnapshots', verbs, harmless: READING });
const contents = (...harmless: string[]): Need => ({ apiGroup: SNAPSHOT_API_GROUP, resource: 'volumesnapshotcontents', verbs: [], harmless, everywhere: true });
/** The claims get a label. */
const groupNeeds = ({ claims }: RunnerConfig): Need[] => {
  const names = claims.flatMap(claim => (claim.kind === 'Claim' ? [claim.name] : []));
  return [
    groups(['create', 'delete', 'list', 'watch']),
    snapshots(['list', 'patch']),
    { apiGroup: '', resource: 'persistentvolumeclaims', verbs: ['patch'], names: names.length === claims.length ? names : undefined },
  ];
};
const quiesceNeeds = ({ podNames: names }: QuiesceConfig): Need[] => [
  { apiGroup: '', resource: 'pods', verbs: ['list'], harmless: READING, names },
  { apiGroup: '', resource: 'pods/exec', verbs: ['create', 'get'], names },
];
const scheduleNeeds = (config: RunnerConfig): Need[] => [
  ...config.group ? groupNeeds(config) : [snapshots(['create', 'delete', 'list', 'watch'])],
  { apiGroup: '', resource: 'persistentvolumeclaims', verbs: ['list'], harmless: READING },
  { apiGroup: '', resource: 'events', verbs: ['create'] },
  // given once per cluster, and held by a fence
  contents('patch'),
  ...config.quiesce ? [...quiesceNeeds(config.quiesce), config.group ? groups(['patch']) : snapshots(['patch'])] : [],
];
const orphanNeeds = (reclaims: boolean): Need[] => [
  { ...snapshots(reclaims ? ['get', 'list'] : ['list']), everywhere: true },
  { ...contents(...reclaims ? ['delete', 'patch', 'update'] : []), verbs: ['list'] },
];

const INVENTORY_NEEDS: Need[] = [{ ...snapshots(['list']), everywhere: true }, { ...contents('patch'), verbs: ['list'] }];

// SnapshotReclaim gives every service account what it fences
const restoreNeeds = ({ requestName }: RestoreConfig): Need[] => [
  contents('patch'),
  snapshots(['list']),
  { apiGroup: '', resource: 'persistentvolumeclaims', verbs: ['create', 'list'], harmless: READING },
  { apiGroup: '', resource: 'events', verbs: ['create', 'list'] },
  { apiGroup: '', resource: 'configmaps', verbs: ['delete', 'get'], names: [requestName] },
];

const core = (resource: string, ...verbs: string[]): Need => ({ apiGroup: '', resource, verbs });
const within = (namespace: string, ...needs: Need[]): Need[] => needs.map(need => ({ ...need, namespace }));
const cloneNeeds = ({ claims, masking, sourceNamespace, targetNamespace }: CloneConfig): Need[] => [
  { ...contents('patch'), verbs: ['create', 'delete', 'get'] },
  { ...core('namespaces', 'get'), names: [targetNamespace], everywhere: true },
  ...within(sourceNamespace, snapshots(['list'])),
  ...claims.every(({ kind }) => kind === 'Claim') ? [] : within(sourceNamespace, core('persistentvolumeclaims', 'list')),
  ...within(targetNamespace, snapshots(['create', 'delete', 'list']), core('persistentvolumeclaims', 'create', 'delete', 'list'),
    core('pods', 'list'), core('events', 'create', 'list')),
  ...masking ? [snapshots(['create', 'delete', 'list']), core('persistentvolumeclaims', 'create', 'delete', 'list'),
    core('pods', 'create', 'delete', 'get', 'list'), core('events', 'create', 'list')] : [core('events', 'create')],
];

const drillNeeds = ({ sourceNamespace }: DrillConfig, namespace: string): Need[] => [
  snapshots(sourceNamespace === undefined ? ['list', 'patch'] : ['create', 'delete', 'list']),
  { apiGroup: '', resource: 'persistentvolumeclaims', verbs: ['create', 'delete', 'list'], harmless: READING },
  { apiGroup: '', resource: 'pods', verbs: ['create', 'delete', 'get', 'list'], harmless: READING },
  ...sourceNamespace === undefined ? [contents('patch'), core('events', 'create', 'list')] : [
    core('events', 'list'),
    { ...contents('patch'), verbs: ['create', 'delete', 'get'] },
    { ...core('namespaces', 'get'), names: [namespace], everywhere: true },
    ...within(sourceNamespace, snapshots(['list', 'patch']), core('events', 'create')),
  ],
];

/** Rights of the service accounts that are wider or narrower than what runs need. */
export function reviewRights({ manifests, schedules, orphanSearches, restores, drills, inventories, clones }: Model): Finding[] {
  const users: User[] = [
    ...schedules.map(({ title, namespace, serviceAccount, config }) =>
      ({ title, account: { namespace, name: serviceAccount }, needs: scheduleNeeds(config) })),
    ...orphanSearches.map(({ title, namespace, serviceAccount, config }) =>
      ({ title, account: { namespace, name: serviceAccount }, needs: orphanNeeds(config.action === 'Reclaim') })),
    ...restores.map(({ title, namespace, serviceAccount, restore }) =>
      ({ title, account: { namespace, name: serviceAccount }, needs: restoreNeeds(restore) })),
    ...drills.map(({ title, namespace, serviceAccount, drill }) =>
      ({ title, account: { namespace, name: serviceAccount }, needs: drillNeeds(drill, namespace) })),
    ...inventories.map(({ title, namespace, serviceAccount }) => ({ title, account: { namespace, name: serviceAccount }, needs: INVENTORY_NEEDS })),
    ...clones.map(({ title, namespace, serviceAccount, clone }) =>
      ({ title, account: { namespace, name: serviceAccount }, needs: cloneNeeds(clone) })),
  ];
  const all = users.map(user => ({ user, ...grantsOf(manifests, user.account) }));
  return [
    ...tooWide(all),
    ...all.flatMap(({ user, known, unknown }) => tooNarrow(user, known, unknown)),
    ...unknownRoles(all),
  ];
}

type Granted = { readonly user: User; readonly known: Grant[]; readonly unknown: UnknownGrant[] };

function tooWide(all: readonly Granted[]): Finding[] {
  // several schedules may share an account, and what each needs they all need
  const rows = groupBy(all, ({ user }) => pathOf(user.account)).flatMap(([account, [first, ...others]]) => {
    const needs = [first, ...others].flatMap(({ user }) => user.needs);
    return first.known.flatMap(grant => excessOf(grant, needs, first.user.account.namespace).map(right => ({ ...right, account, grant })));
  });
  return groupBy(rows, ({ grant, severity }) => `${severity} ${grant.binding}`).map(([, group]) => {
    const [{ grant, severity }] = group;
    const what = groupBy(group, ({ resource }) => resource).map(([resource, rights]) => `${[...new Set(rights.map(({ verb }) => verb))].join(', ')} ${resource}`);
    const where = grant.namespace === undefined ? 'in the whole cluster' : `in namespace ${grant.namespace}`;
    const accounts = shortList([...new Set(group.map(row => row.account))]);
    return (severity === 'risk' ? risk : note)(grant.binding,
      `gives the service account of runs, ${accounts}, more than they need ${where}, by ${grant.role}: ${shortList(what, 4)}`,
      'take it away, or give the schedules service accounts of their own');
  });
}

interface Excess {
  readonly severity: 'risk' | 'note';
  readonly resource: string;
  readonly verb: string;
}

function excessOf({ rule, namespace }: Grant, needs: readonly Need[], own: string): Excess[] {
  const isNeeded = (right: { apiGroup: string; resource: string; verb: string }) => needs.some(need =>
    need.apiGroup === right.apiGroup && need.resource === right.resource
    && [...need.verbs, ...need.harmless ?? []].includes(right.verb) && (need.everywhere || namespace === (need.namespace ?? own))
    && (need.names === undefined || rule.resourceNames.length > 0));
  return rightsIn(rule).filter(right => !isNeeded(right)).map(({ resource, verb }) => ({
    severity: READING.includes(verb) && !SENSITIVE.test(resource) ? 'note' : 'risk',
    resource: resource === '*' ? 'everything' : resource,
    verb: verb === '*' ? 'any verb on' : verb,
  }));
}

function tooNarrow({ title, account, needs }: User, known: readonly Grant[], unknown: readonly UnknownGrant[]): Finding[] {
  // they may be in the role that is not seen
  if (unknown.length > 0) { return []; }
  const missing = needs.flatMap(({ apiGroup, resource, verbs, everywhere, names, namespace: where = account.namespace }) => verbs.filter(verb =>
    !known.some(({ rule, namespace }) => (namespace === undefined || (!everywhere && namespace === where)) && allows(rule, apiGroup, resource, verb, names))).map(verb => `${verb} ${resource}`));
  return missing.length === 0 ? [] : [risk(title,
    `fails: its service account ${account.name} may not ${shortList(missing, 4)}, unless that is allowed elsewhere`, 'apply its Role and RoleBinding with it')];
}

function unknownRoles(all: readonly Granted[]): Finding[] {
  const unknown = all.flatMap(({ user, unknown: grants }) => grants.map(grant => ({ ...grant, account: pathOf(user.account) })));
  return groupBy(unknown, ({ binding }) => binding).map(([binding, grants]) =>
    note(binding, `gives ${shortList([...new Set(grants.map(({ account }) => account))])} the rights of ${grants[0].role}, which is not among the files`, 'add its file'));
}
