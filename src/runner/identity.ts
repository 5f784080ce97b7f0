import { createHash } from 'node:crypto';

/** Which run this is. Each pod of a Job finds the same, so that a retry meets its own snapshots. */
export type Run =
  | { readonly kind: 'Scheduled'; readonly at: Date }
  | { readonly kind: 'Manual'; readonly jobUid: string };

// a person may end a name in a day: 20261231 and 29112026 are minutes as well, but of long ago
const CLOCKS_DIFFER_BY = 24 * 3_600_000;
/** No Job of a CronJob is retried for so long. */
const LONGEST_AGO = 30 * 24 * 3_600_000;
/** Said of a day in digits that ends in this year, such as 30012027, which is a minute of that month too. */
const endsInYear = (digits: string, now: number) => /[01][0-9]$/.test(digits.slice(0, 4)) && digits.endsWith(`${new Date(now).getUTCFullYear()}`);

/**
 * The CronJob controller calls a Job <cronjob>-<minutes since 1970>; a Job that a
 * person made from the CronJob has any name, and is known by its uid. The name of
 * the CronJob itself does not matter: tools such as Kustomize change it after synth.
 */
export function identifyRun(jobName: string | undefined, jobUid: string | undefined, now: number): Run {
  const digits = /-([0-9]{8})$/.exec(jobName ?? '')?.[1] ?? '';
  const at = Number(digits) * 60_000;
  if (at >= now - LONGEST_AGO && at <= now + CLOCKS_DIFFER_BY && !endsInYear(digits, now)) { return { kind: 'Scheduled', at: new Date(at) }; }
  if (!jobUid) { throw new Error('the pod has no Job: run the CronJob as it was synthesized, or a Job made from it'); }
  return { kind: 'Manual', jobUid };
}

const LONGEST_NAME = 253;

/**
 * The name of a run's snapshot of a claim: the same for each retry, different
 * for each schedule, run, claim and attempt. The hash also tells a claim from an earlier
 * one of that name, and two long names that are cut alike.
 */
export function snapshotName(claimName: string, claimUid: string, scheduleId: string, run: Run, attempt = 1): string {
  const moment = run.kind === 'Scheduled' ? compact(run.at) : 'manual';
  const hash = shortHash(scheduleId, claimUid, run.kind === 'Manual' ? run.jobUid : '', ...attempt > 1 ? [`${attempt}`] : []);
  return withSuffix(claimName, `-${moment}-${hash}`);
}

/** A name with something behind it, cut so that it may be that of an object. */
export function withSuffix(name: string, suffix: string): string {
  return `${name.slice(0, LONGEST_NAME - suffix.length).replace(/[-.]+$/, '')}${suffix}`;
}

/** A label value for a name that may be longer than the 63 characters that a label can have. */
export function labelValue(name: string): string {
  return name.length <= 63 ? name : `${name.slice(0, 54).replace(/[-.]+$/, '')}-${shortHash(name)}`;
}

/** 20260209-021500, in UTC. */
export function compact(date: Date): string {
  const [day, time] = date.toISOString().split('T');
  return `${day.replace(/-/g, '')}-${time.slice(0, 8).replace(/:/g, '')}`;
}

export function shortHash(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}
