import { parseCron } from '../../src/private/cron';
import { leastStartingDeadline, renderCronJobSpec, usualStartingDeadline } from '../../src/private/cron-job';

const HOUR = 3600;

test.each([
  ['* * * * *', 50 * 60, 10],
  ['0 3 * * *', HOUR, 10],
  ['@every 1s', 50, 10],
  ['@every 30m', HOUR, 1800],
  // the controller counts the interval anew from as long ago as a run may be late
  ['@every 36h', 72 * HOUR, 36 * HOUR],
])('a run of %s may be %d seconds late unless told otherwise, and must be allowed %d', (expression, usual, least) => {
  const cron = parseCron(expression);
  expect([usualStartingDeadline(cron), leastStartingDeadline(cron)]).toEqual([usual, least]);
});

test('runs never overlap, a failure that a retry cannot mend is not retried, and a node that goes costs no attempt', () => {
  const spec = renderCronJobSpec({ schedule: '0 3 * * *', timeZone: 'Etc/UTC', startingDeadline: 60, activeDeadline: 600, template: {} }) as any;
  expect(spec).toMatchObject({ concurrencyPolicy: 'Forbid', startingDeadlineSeconds: 60, suspend: false });
  expect(spec.jobTemplate.spec).toMatchObject({ activeDeadlineSeconds: 600, backoffLimit: 3 });
  expect(spec.jobTemplate.spec.podFailurePolicy.rules).toEqual([
    { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    { action: 'FailJob', onExitCodes: { containerName: 'runner', operator: 'In', values: [1] } },
  ]);
});

test('a run that is under way is not in a backup of Velero, which would restore it to run once more', () => {
  const { jobTemplate } = renderCronJobSpec({ schedule: '@daily', timeZone: 'Etc/UTC', startingDeadline: 60, activeDeadline: 60, template: {} }) as any;
  expect(jobTemplate.metadata.labels).toEqual({ 'velero.io/exclude-from-backup': 'true' });
});
