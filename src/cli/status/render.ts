import { ClaimStatus } from './claims';
import { JobStatus } from './jobs';
import { KINDS } from './observed';
import { isGood, SnapshotStatus } from './snapshots';
import { Status } from './status';
import { pathOf } from '../../model/manifest';
import { briefly, compareText, plural, shortList } from '../../model/words';
import { groupBy } from '../../retention/groups';
import { columns, hanging, printable, wrap } from '../columns';

/** How much of it is shown. */
export interface Look {
  /** every snapshot */
  readonly full: boolean;
  /** of a line, in characters */
  readonly width: number;
}

const SECOND = 1000;
/** So many of the newest of a claim, and what is of note besides. */
const SHOWN = 5;
const NOTHING = '–';

/** The status as text for a terminal: what needs attention, what could not be seen, and for each schedule what there is of its claims. */
export function renderStatus(status: Status, look: Look): string {
  const { claims, isEmpty, jobs } = status;
  const schedules = jobs.filter(({ work }) => work === 'schedule');
  const sections = (heading: readonly string[], own: readonly ClaimStatus[]) =>
    [heading.join('\n'), ...own.map(claim => claimSection(claim, status, look))];
  const others = jobs.filter(({ work }) => work !== 'schedule');
  const byTitle = groupBy(claims.filter(({ schedule }) => schedule === undefined), titleOf);
  const strangers = [...byTitle].sort(([a], [b]) => compareText(a, b)).map(([, own]) => own);
  return [
    ...isEmpty ? [emptiness(status, look)] : [],
    ...attentionSection(status, look),
    ...unseenSection(status, look),
    ...schedules.flatMap(job => sections(headingOf(job, status, look), claims.filter(({ schedule }) => schedule === job))),
    ...strangers.flatMap(own => sections([lines([strangerIn(own[0], status)], look)], own)),
    ...others.length === 0 ? [] : [others.map(job => lines([jobIn(job, status)], look)).join('\n')],
    ...claims.some(({ snapshots }) => snapshots.length > 0) ? [`${legend(look)}\nto keep one: ${status.commands.hold('NAMESPACE', 'NAME')}`] : [],
  ].join('\n\n');
}

const titleOf = ({ namespace, takenBy = '' }: ClaimStatus) => `${namespace}/${takenBy}`;

const lines = (texts: readonly string[], { width }: Look) => texts.flatMap(text => wrap(printable(text), width)).join('\n');

/** Who mistypes a name, or may not see it, must not take it for good news. */
function emptiness(status: Status, look: Look): string {
  const { wanted: { claim, schedule } } = status;
  const whose = [...claim === undefined ? [] : [`claim '${claim}'`], ...schedule === undefined ? [] : [`schedule '${schedule}'`]];
  return lines([`${asSeen(status, 'There is no schedule, and no snapshot')}${whose.length === 0 ? '' : `, of ${whose.join(' and ')}`}. Another namespace is looked at by -n, all by -A.`], look);
}

/** A sentence about nothing, which is only true of what was looked at. */
function asSeen({ unseen }: Status, sentence: string): string {
  return unseen.length === 0 ? sentence : `Of what could be seen, ${sentence[0].toLowerCase()}${sentence.slice(1)}`;
}

function attentionSection(status: Status, { width }: Look): string[] {
  const { attention, isEmpty } = status;
  if (attention.length === 0) { return isEmpty ? [] : [`${asSeen(status, 'Nothing needs attention')}.`]; }
  // of the many claims of a schedule, the same may be to be said
  const alike = groupBy(attention, ({ commands, namespace, problem, remedy }) => JSON.stringify([namespace, problem, remedy, commands]));
  return [[`Needs attention: ${attention.length}`, ...[...alike.values()].flatMap(([{ commands, object, problem, remedy }, ...others]) => [
    hanging('!', `${shortList([object, ...others.map(other => other.object)])}: ${problem}; ${remedy}${commands.length > 0 ? ':' : ''}`, width),
    // in one line, to be copied
    ...commands.map(command => `   ${printable(command)}`),
  ])].join('\n')];
}

function unseenSection({ unseen }: Status, { width }: Look): string[] {
  return unseen.length === 0 ? []
    : [['Not seen:', ...unseen.map(({ looked, why }) => hanging('?', `${KINDS[looked].tells}: ${why}`, width))].join('\n')];
}

// ---- schedules and other CronJobs

function headingOf(job: JobStatus, status: Status, look: Look): string[] {
  const { namespace, restore } = job;
  return [lines([jobIn(job, status)], look), ...restore === undefined ? [] : [`to restore: ${printable(status.commands.start(namespace, restore))}`]];
}

const WORDS: { readonly [work in JobStatus['work']]: string } = {
  schedule: 'Schedule', drill: 'Drill', clone: 'Clone', inventory: 'Inventory', orphans: 'Look for orphans',
};

function jobIn(job: JobStatus, { now }: Status): string {
  const { byHand, dryRun, expression, failure, lastSuccess, name, namespace, running, suspended, timeZone, work } = job;
  return `${WORDS[work]} ${pathOf({ namespace, name })} (${byHand ? 'by hand' : `${expression} ${timeZone}`}): ${[
    ...suspended && !byHand ? ['SUSPENDED'] : [],
    ...dryRun ? ['dry run, prunes nothing'] : [],
    lastSuccess === undefined ? 'no success yet' : `last success ${ago(lastSuccess, now)}`,
    ...failure ? [`newest run FAILED${failure.at === undefined ? '' : ` ${ago(failure.at, now)}`}`] : [],
    ...running ? ['a run is going on'] : [],
  ].join(', ')}`;
}

/** What no schedule that is there has taken. */
function strangerIn({ namespace, takenBy }: ClaimStatus, { unseen }: Status): string {
  const where = `namespace ${namespace}`;
  if (takenBy === undefined) { return `Taken by no schedule of this library, in ${where}`; }
  return `Schedule ${takenBy} in ${where}, ${unseen.some(({ looked }) => looked === 'cronJobs') ? 'whose CronJob could not be seen' : 'of which there is no CronJob here'}`;
}

// ---- claims

function claimSection(claim: ClaimStatus, status: Status, look: Look): string {
  const isShown = (snapshot: SnapshotStatus, index: number) => look.full || index < SHOWN || isOfNote(snapshot) || snapshot === claim.newestGood;
  const shown = claim.snapshots.filter(isShown);
  const left = claim.snapshots.length - shown.length;
  return [
    lines([claimIn(claim, status)], look),
    ...shown.length === 0 ? [] : [table(shown, status, look)],
    ...left === 0 ? [] : [`and ${left} more, the oldest from ${minuteOf(claim.snapshots[claim.snapshots.length - 1].moment)}: --full`],
    ...shown.flatMap(snapshot => notesOf(snapshot).map(note => hanging('-', `${snapshot.name}: ${note}`, look.width))),
  ].join('\n');
}

const isOfNote = ({ held, restoredTo, state, verified }: SnapshotStatus) =>
  held !== undefined || restoredTo.length > 0 || state !== 'ready' || verified?.good === false;

const PRESENCE: { readonly [presence in ClaimStatus['presence']]: string } = {
  there: '', unknown: '', gone: ' (the claim is gone)', replaced: ' (an earlier claim of this name)',
};

function claimIn({ claim, namespace, newestGood, presence, snapshots }: ClaimStatus, { now }: Status): string {
  const name = claim === '' ? 'of no claim' : `${namespace}/${claim}${PRESENCE[presence]}`;
  if (newestGood === undefined) { return `${name}: NO GOOD SNAPSHOT${snapshots.length === 0 ? '' : ` of ${snapshots.length}`}`; }
  const good = snapshots.filter(isGood).length;
  return `${name}: the newest good one is ${newestGood.name}, ${briefly((now - newestGood.moment) / SECOND)} old; `
    + `${good === snapshots.length ? plural(good, 'good one') : `${good} of ${snapshots.length} are good`}`;
}

function table(snapshots: readonly SnapshotStatus[], { now }: Status, { width }: Look): string {
  return columns(['snapshot', 'cut', 'age', 'state', 'size', 'consistency', 'verified'], snapshots.map(snapshot => [
    snapshot.name,
    snapshot.cutAt === undefined ? NOTHING : minuteOf(snapshot.cutAt),
    briefly((now - snapshot.moment) / SECOND),
    [snapshot.state, ...snapshot.held === undefined ? [] : ['held']].join(', '),
    snapshot.size ?? NOTHING,
    snapshot.consistency ?? NOTHING,
    verdictIn(snapshot, now),
  ].map(printable)), width);
}

function verdictIn({ verified }: SnapshotStatus, now: number): string {
  if (verified === undefined) { return NOTHING; }
  return `${verified.good ? 'good' : 'BAD'}${verified.at === undefined ? '' : `, ${ago(verified.at, now)}`}`;
}

/** What does not fit into a column. */
function notesOf({ error, group, held, origin, restoredTo, state, verified }: SnapshotStatus): string[] {
  return [
    ...error === undefined || state === 'ready' ? [] : [`the storage says: ${error}`],
    ...held === undefined ? [] : [held],
    ...verified?.recoverySeconds === undefined ? [] : [`a drill recovered it in ${briefly(verified.recoverySeconds)}`],
    ...restoredTo.map(({ claim, phase }) => (phase === 'Bound' ? `claim ${claim} was made of it` : `claim ${claim} is being made of it (${phase})`)),
    ...origin === undefined ? [] : [origin === 'clone' ? 'made by a clone or a drill' : 'imported, by the handle that the storage knows it by'],
    ...group === undefined ? [] : [`of group ${group}`],
  ];
}

const ago = (moment: number, now: number) => `${briefly(Math.max(0, now - moment) / SECOND)} ago`;

/** In UTC, since a restore is asked for by such a time. */
const minuteOf = (moment: number) => new Date(moment).toISOString().replace(/:\d\d\.\d+Z$/, 'Z');

function legend({ width }: Look): string {
  return wrap('good: ready, and not found bad by a drill. cut: when the data is from, in UTC. failed: the storage goes on trying. size: what a claim that is made of it asks for at least. '
    + 'consistency: application, if the application was held for the cut. verified: what a drill found that restored it.', width).join('\n');
}
