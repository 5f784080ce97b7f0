import { findWhole } from './applications';
import { GROUP_MARK_PREFIX, GroupConfig, KEY_PREFIX, KEYS } from './config';
import { labelValue } from './identity';
import { findOne, KubeClient, list, pauseBefore } from './kube-client';
import { forEach } from './parallel';
import { Outcome } from './report';
import { Claim, claimsPath, GroupFacts, Kind, readSnapshot, Snapshot, snapshotsPath } from './resources';
import { claimAnnotations, claimLabels, ownAnnotations, ownLabels, Parts, refuseReplaced, refuseUnusable, take, TakeContext } from './take';
import { takeQuiesced } from './take-quiesced';
import { groupBy } from '../retention/groups';
import { momentOf } from '../retention/plan';

/** The snapshot controller makes the members before it calls their group ready, or soon after. */
const MEMBERS_WITHIN = 60_000;

/** A schedule has one group, whatever claims it has in a night. */
export const GROUP = 'group';

/** What is said of a group, or by people, and not of the cut. */
const OF_GROUP: readonly string[] = [KEYS.claimUids, KEYS.hold, KEYS.holdUntil, KEYS.prunable];

/** VolumeGroupSnapshots, for a cache of them. */
export function groupKind({ apiVersion }: GroupConfig): Kind {
  return {
    apiVersion: `groupsnapshot.storage.k8s.io/${apiVersion}`,
    kind: 'VolumeGroupSnapshot',
    plural: 'volumegroupsnapshots',
    subject: 'group',
    read: readGroup,
    absent: `the cluster has no VolumeGroupSnapshot API of version ${apiVersion}; install the CRDs of group snapshots and a snapshot controller that serves them`,
    unbound: 'no snapshot controller has looked at it; does the snapshot-controller run with the feature gate CSIVolumeGroupSnapshot?',
  };
}

/** Of a group most is where a snapshot has it. */
function readGroup({ metadata, status }: any): Snapshot {
  const source = { persistentVolumeClaimName: groupName(metadata.labels?.[KEYS.schedule] ?? '') };
  const bound = { ...status, boundVolumeSnapshotContentName: status?.boundVolumeGroupSnapshotContentName };
  // whether its storage outlives it shows nowhere, so the configuration says it, and not a finalizer
  return {
    ...readSnapshot({ metadata, spec: { source }, status: bound }),
    claim: GROUP,
    claimUid: GROUP,
    boundFinalizer: true,
    group: {
      claimUids: metadata.annotations?.[KEYS.claimUids]?.split(',') ?? [],
      annotations: annotationsOfCut(metadata),
    },
  };
}

function annotationsOfCut({ annotations = {} }: any): { [key: string]: string } {
  return Object.fromEntries(Object.entries<string>(annotations).filter(([key]) => key.startsWith(KEY_PREFIX) && !OF_GROUP.includes(key)));
}

/** The ids of schedules may have letters that names cannot have. */
function groupName(scheduleId: string): string {
  return scheduleId.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '') || GROUP;
}

/** One snapshot of all claims at one moment. A claim that cannot be snapshotted does not keep the others from it. */
export async function takeGroup(context: TakeContext, group: GroupConfig, claims: readonly Claim[]): Promise<Outcome[]> {
  const refused = claims.flatMap(claim => refusalOf(claim));
  const usable = claims.filter(claim => !refused.some(outcome => outcome.claim === claim));
  const taken = usable.length === 0 ? [] : await takeUsable(context, group, usable);
  [...refused, ...taken].forEach(({ name, error }) => {
    if (error !== undefined) { context.log('failed', { claim: name, message: (error as Error).message }); }
  });
  return [...refused, ...taken];
}

function refusalOf(claim: Claim): Outcome[] {
  try {
    refuseUnusable(claim);
    return [];
  } catch (error) {
    return [{ name: claim.name, claim, error }];
  }
}

async function takeUsable(context: TakeContext, { className }: GroupConfig, claims: readonly Claim[]): Promise<Outcome[]> {
  const { cache, client, config, signal } = context;
  const compose = async (name: string): Promise<Parts> => {
    const matchLabels = { [`${GROUP_MARK_PREFIX}${config.scheduleId}`]: labelValue(name) };
    await markClaims(context, claims, matchLabels);
    return {
      annotations: { [KEYS.claimUids]: claims.map(({ uid }) => uid).join() },
      spec: { volumeGroupSnapshotClassName: className, source: { selector: { matchLabels } } },
    };
  };
  const { snapshot, error, note } = await takeWhole({ ...context, compose }, claims).catch((reason: Error): Partial<Outcome> => ({ error: reason }));
  if (!snapshot || error !== undefined) { return claims.map(claim => ({ name: claim.name, claim, snapshot, group: snapshot?.name, error })); }
  // the watch may not have seen yet that it was called consistent
  const group = (config.quiesce && await findOne(client, cache.path(), snapshot.name, cache.kind.read, signal)) ?? snapshot;
  const members = await waitForMembers(context, group, claims);
  return Promise.all(claims.map(claim => outcomeOf(context, group, claim, members, note)));
}

/**
 * The snapshot controller goes by labels on claims, and not by what a selector excludes. So the claims of a group
 * get a label of its own, with another value on each run, which no copy of a claim has.
 */
async function markClaims({ client, namespace, signal }: TakeContext, claims: readonly Claim[], labels: { [key: string]: string }): Promise<void> {
  await forEach(claims, async ({ name, uid }) => {
    refuseReplaced(uid, await client.request({ method: 'PATCH', path: claimsPath(namespace, name), body: { metadata: { labels } } }, signal));
  });
}

/** The group as if it were the snapshot of a claim, cut while all applications of its claims are held, if they are to be. */
async function takeWhole(context: TakeContext, claims: readonly Claim[]): Promise<Outcome> {
  const { client, config, namespace, signal } = context;
  const whole: Claim = { name: groupName(config.scheduleId), uid: GROUP, phase: 'Bound', deleting: false };
  const nobodyWaits = () => undefined;
  if (!config.quiesce) { return { name: whole.name, snapshot: await take(context, whole, nobodyWaits) }; }
  const found = await findWhole(client, namespace, claims, config.quiesce, signal);
  const [outcome] = await takeQuiesced(context, config.quiesce, { ...found, claims: [whole], mounted: claims }, nobodyWaits);
  return outcome;
}

/** The snapshots of the claims. They are the controller's: it names them, and lets none of them be deleted while their group is there. */
async function waitForMembers({ client, namespace, signal }: TakeContext, group: Snapshot, claims: readonly Claim[]): Promise<Snapshot[]> {
  const until = client.now() + MEMBERS_WITHIN;
  for (let attempt = 0; ; attempt += 1) {
    const members = (await listMembers(client, namespace, signal)).get(group.uid) ?? [];
    const isThere = (claim: Claim) => members.some(({ claimName, ready }) => claimName === claim.name && ready);
    if (claims.every(isThere) || client.now() >= until) { return members; }
    await client.sleep(pauseBefore(attempt, undefined), signal);
  }
}

interface Member extends Snapshot {
  readonly groupUid: string;
}

/** All members of all groups in the namespace, by the uid of their group. */
async function listMembers(client: KubeClient, namespace: string, signal?: AbortSignal): Promise<Map<string, Member[]>> {
  const { items } = await list(client, snapshotsPath(namespace), {}, readMember, signal);
  return groupBy(items.filter(item => item !== undefined), ({ groupUid }) => groupUid);
}

/** The snapshots in these groups. */
export async function membersOf(client: KubeClient, namespace: string, groups: readonly Snapshot[]): Promise<Snapshot[]> {
  const members = await listMembers(client, namespace);
  return groups.flatMap(({ uid }) => members.get(uid) ?? []);
}

function readMember(object: any): Member | undefined {
  const groupUid = object.metadata.ownerReferences?.find((owner: any) => owner.kind === 'VolumeGroupSnapshot')?.uid;
  return groupUid && { ...readSnapshot(object), groupUid };
}

async function outcomeOf(context: TakeContext, group: Snapshot, claim: Claim, members: readonly Snapshot[], note?: string): Promise<Outcome> {
  const outcome = { name: claim.name, claim, group: group.name };
  try {
    const member = members.find(({ claimName }) => claimName === claim.name);
    if (!member?.ready || !group.group?.claimUids.includes(claim.uid)) {
      throw new Error(`group snapshot '${group.name}' is ready and has no ready snapshot of this claim; `
        + 'it is kept, and see kubectl describe volumegroupsnapshot');
    }
    await label(context, group, claim, member);
    return { ...outcome, snapshot: member, note };
  } catch (error) {
    return { ...outcome, error };
  }
}

/** Tells people whose a member is. Not which schedule's: retention must never see it. */
async function label({ client, config, namespace, run, signal }: TakeContext, group: Snapshot, claim: Claim, member: Snapshot): Promise<void> {
  const metadata = {
    labels: {
      ...ownLabels(config),
      ...claimLabels(claim),
      [KEYS.group]: labelValue(group.name),
      [KEYS.consistency]: group.consistent ? 'application' : 'crash',
    },
    annotations: { ...ownAnnotations(config, run), [KEYS.takenBy]: config.scheduleId, ...claimAnnotations(claim), ...group.group?.annotations },
  };
  await client.request({ method: 'PATCH', path: snapshotsPath(namespace, member.name), body: { metadata } }, signal);
}

/** Groups with what their members say: a hold on one holds all, since none can be deleted without the others. */
export async function completeGroups(client: KubeClient, namespace: string, groups: readonly Snapshot[]): Promise<Snapshot[]> {
  const members = await listMembers(client, namespace);
  return inSeries(groups.map(group => {
    const own = members.get(group.uid) ?? [];
    return {
      ...group,
      hold: [group, ...own].map(({ hold }) => hold).find(hold => hold !== undefined),
      verified: own.length > 0 && own.every(({ verified }) => verified),
      isBad: own.some(({ isBad }) => isBad),
      holdUntil: [group, ...own].flatMap(({ holdUntil }) => holdUntil ?? []),
      group: { ...group.group as GroupFacts, members: own.map(({ name }) => name) },
    };
  }));
}

/**
 * A newer group replaces an older one only if it has all of its claims: what was taken before a claim
 * was scaled in, or made anew under its name, is a series of its own.
 */
function inSeries(groups: readonly Snapshot[]): Snapshot[] {
  const newestFirst = [...groups].sort((a, b) => Number(b.ready) - Number(a.ready) || momentOf(b, b.createdAt) - momentOf(a, a.createdAt));
  const series: { key: string; claimUids: string[] }[] = [];
  return newestFirst.map(group => {
    const { claimUids } = group.group as GroupFacts;
    let home = series.find(each => claimUids.every(uid => each.claimUids.includes(uid)));
    if (!home) {
      home = { key: `${GROUP}-${series.length}`, claimUids };
      series.push(home);
    }
    return { ...group, claim: home.key };
  });
}
