import { Finding, groupBy, note, risk } from './finding';
import { Manifest, ofKind, pathOf, textOf, titleOf } from '../../model/manifest';
import { Model, Schedule } from '../../model/model';
import { briefly, shortList } from '../../model/words';
import { SNAPSHOT_API_GROUP } from '../../private/api';
import { fenceProblem, isFencedByName } from '../fence';
import { allows, grantsOf, Rule, rulesOf } from '../rights';

const CONTENTS = 'volumesnapshotcontents';
/** In less, a mistake may go unnoticed. */
const SHORTEST_RESPITE = 7 * 86_400;

/** Storage that nobody gives back, and storage that the wrong ones could. */
export function reviewReclaim(model: Model): Finding[] {
  return [...keptStorage(model), ...missingReclaim(model), ...missingFence(model), ...orphanSearches(model)];
}

function retaining({ schedules }: Model, prunedStorage: string): Schedule[] {
  return schedules.filter(({ deletionPolicy, config }) => deletionPolicy === 'Retain' && config.prunedStorage === prunedStorage);
}

function keptStorage(model: Model): Finding[] {
  return retaining(model, 'Keep').map(({ title }) =>
    risk(title, 'keeps the storage of pruned snapshots: it is billed for ever, and nobody sees it', 'take PrunedStorage.RECLAIM, or have it removed by other means'));
}

function missingReclaim(model: Model): Finding[] {
  const stuck = retaining(model, 'Reclaim').filter(schedule => !schedule.config.dryRun && !mayReclaim(model, schedule));
  return groupBy(stuck, ({ config }) => config.snapshotClassName ?? '').map(([name, users]) => {
    // with the class, what the platform team applies is among the files
    const severity = users.some(({ snapshotClass }) => snapshotClass !== undefined) ? risk : note;
    return severity(`VolumeSnapshotClass ${name}`,
      `retains, and nothing among the files lets ${shortList(users.map(pathOf))} give storage back: their runs fail and prune nothing, unless it is applied elsewhere`,
      'apply a SnapshotReclaim for their namespaces');
  });
}

function mayReclaim({ manifests }: Model, { namespace, serviceAccount }: Schedule): boolean {
  return grantsOf(manifests, { namespace, name: serviceAccount }).known.some(grant => grant.namespace === undefined && mayPatch(grant.rule));
}

const mayPatch = (rule: Rule) => allows(rule, SNAPSHOT_API_GROUP, CONTENTS, 'patch');
// who may update contents, such as the snapshot controller, is not held by the fence
const mayUpdate = (rule: Rule) => allows(rule, SNAPSHOT_API_GROUP, CONTENTS, 'update');

function missingFence({ manifests }: Model): Finding[] {
  return ofKind(manifests, 'rbac.authorization.k8s.io', 'ClusterRoleBinding').filter(binding => needsFence(manifests, binding)).flatMap(binding => {
    const problem = fenceProblem(manifests);
    return problem === undefined ? [] : [
      risk(titleOf(binding), `lets service accounts patch VolumeSnapshotContents, and ${problem}`, 'apply the policy and the binding of SnapshotReclaim with it'),
    ];
  });
}

function needsFence(manifests: readonly Manifest[], { roleRef }: Manifest): boolean {
  const rules = rulesOf(manifests, { kind: textOf(roleRef?.kind), name: textOf(roleRef?.name) }, undefined) ?? [];
  return rules.some(mayPatch) && !rules.some(mayUpdate);
}

function orphanSearches(model: Model): Finding[] {
  return model.orphanSearches.filter(({ config }) => config.action === 'Reclaim').flatMap(({ title, namespace, serviceAccount, config }) => [
    ...config.keepNewestPerVolume > 0 ? [] : [
      risk(title, 'reclaims also the last copy of the data of a deleted namespace', 'set keepNewestPerVolume to 1 or more'),
    ],
    ...config.olderThanSeconds >= SHORTEST_RESPITE ? [] : [
      risk(title, `leaves ${briefly(config.olderThanSeconds)} to notice that a snapshot was deleted by mistake`, `set olderThan to ${briefly(SHORTEST_RESPITE)} or more`),
    ],
    ...isFencedByName(model.manifests, namespace, serviceAccount) ? [] : [
      risk(title, `may delete any VolumeSnapshotContent: no policy among the files holds its service account ${pathOf({ namespace, name: serviceAccount })}`,
        'apply the policy and the binding of SnapshotOrphans with it'),
    ],
  ]);
}
