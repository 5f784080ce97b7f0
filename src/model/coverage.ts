import { Claim, isReason, namesCovered } from './claims';
import { Drill, RunnerJobs, Schedule } from './model';

/** The schedules that cover each name of a claim. */
export function schedulesByName(claim: Claim, schedules: readonly Schedule[]): Map<string, Schedule[]> {
  const found = new Map(claim.names.map((name): [string, Schedule[]] => [name, []]));
  for (const schedule of schedules) {
    const covered = new Set(schedule.config.claims.flatMap(selection => namesCovered(selection, claim)));
    covered.forEach(name => found.get(name)?.push(schedule));
  }
  return found;
}

/** Why some names of a claim need no schedule. */
export interface Exemption {
  readonly reason: string;
  /** all if absent */
  readonly names?: readonly string[];
}

/** The names of one claim or template of which the same is to be said. */
export interface Coverage {
  readonly claim: Claim;
  readonly names: readonly string[];
  /** those that take snapshots of them, suspended ones left out */
  readonly schedules: readonly Schedule[];
  /** those that would, were they not suspended */
  readonly suspended: readonly Schedule[];
  /** those that restore and look at their snapshots; one of a template is enough */
  readonly drills: readonly Drill[];
  /** why they need no schedule */
  readonly exemption?: string;
}

/** Finds out what covers a claim: more than one answer if its names differ. Other namespaces than its own are left out. */
export function coverageOf(claim: Claim, jobs: Pick<RunnerJobs, 'drills' | 'schedules'>, exemptions: readonly Exemption[]): Coverage[] {
  const near = jobs.schedules.filter(({ namespace }) => namespace !== '' && namespace === claim.namespace);
  const byName = schedulesByName(claim, near.filter(schedule => !claim.openEnded || coversAll(schedule, claim)));
  const rows = claim.names.map((name): Coverage => {
    const schedules = byName.get(name)!.filter(({ suspended }) => !suspended);
    return {
      claim,
      names: [name],
      schedules,
      suspended: byName.get(name)!.filter(({ suspended }) => suspended),
      drills: drillsOf(claim, schedules, jobs.drills),
      exemption: exemptionOf(claim, name, schedules, exemptions),
    };
  });
  return rows.length === 0 ? [emptyRow(claim)] : alike(rows);
}

/** Names alone do not cover what has as many claims as somebody else decides. */
function coversAll({ config }: Schedule, claim: Claim): boolean {
  return config.claims.some(selection => selection.kind !== 'Claim' && namesCovered(selection, claim).length > 0);
}

function drillsOf(claim: Claim, schedules: readonly Schedule[], drills: readonly Drill[]): Drill[] {
  const ids = new Set(schedules.map(({ config }) => config.scheduleId));
  return drills.filter(({ namespace, suspended, drill }) => !suspended && ids.has(drill.scheduleId)
    && (drill.sourceNamespace ?? namespace) === claim.namespace && Object.values(drill.volumes).some(name => claim.names.includes(name)));
}

function exemptionOf(claim: Claim, name: string, schedules: readonly Schedule[], exemptions: readonly Exemption[]): string | undefined {
  const reasons = exemptions.filter(({ names }) => names === undefined || names.includes(name)).map(({ reason }) => reason);
  if (claim.unscheduled !== undefined && isReason(claim.unscheduled)) { reasons.push(claim.unscheduled); }
  // selectors leave it out; who names it wants it to be covered
  if (reasons.length === 0 && claim.restored && schedules.length === 0) { return 'a copy of a snapshot, restored to stand beside the original'; }
  return reasons.length === 0 ? undefined : [...new Set(reasons.map(reason => reason.trim()))].join('; ');
}

function emptyRow(claim: Claim): Coverage {
  return { claim, names: [], schedules: [], suspended: [], drills: [], exemption: 'no replicas, so no claim is made' };
}

/** Names of which the same is to be said become one row. */
function alike(rows: readonly Coverage[]): Coverage[] {
  const groups = new Map<string, Coverage[]>();
  for (const row of rows) {
    const key = JSON.stringify([[...row.schedules, ...row.suspended].map(({ title }) => title), row.exemption]);
    const group = groups.get(key);
    if (group) { group.push(row); } else { groups.set(key, [row]); }
  }
  return [...groups.values()].map(group => ({ ...group[0], names: group.flatMap(({ names }) => names) }));
}
