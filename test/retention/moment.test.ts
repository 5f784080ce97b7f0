import { readMoment } from '../../src/retention/moment';

test.each([
  ['2026-02-09T02:00Z', '2026-02-09T02:00:00.000Z'],
  ['2026-02-09T03:00:00+01:00', '2026-02-09T02:00:00.000Z'],
  ['2026-02-09T02:00:00.5Z', '2026-02-09T02:00:00.500Z'],
])('%s is a moment', (text, expected) => {
  expect(new Date(readMoment(text) as number).toISOString()).toBe(expected);
});

test.each(['', 'tomorrow', '2026-02-09', '2026-02-09T02:00', '2026-02-09 02:00Z', '2026-13-09T02:00Z'])("'%s' is none, or of a zone that nobody knows", text => {
  expect(readMoment(text)).toBeUndefined();
});
