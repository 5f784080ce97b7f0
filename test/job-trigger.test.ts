import { Duration } from 'cdk8s';
import { JobTrigger } from '../src';

test.each<[string, () => unknown, string]>([
  ['no whole number', () => JobTrigger.argoCd({ order: 0.5 }), "[JobTrigger.argoCd] 'order': "],
  ['a number out of range', () => JobTrigger.helm({ order: 1001 }), "[JobTrigger.helm] 'order': "],
  ['a misspelt option', () => JobTrigger.helm({ oder: 1 } as any), 'did you mean order?'],
  ['no revision', () => JobTrigger.job({} as any), "[JobTrigger.job] 'revision': "],
  ['a revision that no name can have', () => JobTrigger.job({ revision: 'V2_4' }), 'write for example 2.4.0, or the first twelve characters of a commit or digest'],
  ['a revision that is too long', () => JobTrigger.job({ revision: 'a'.repeat(41) }), 'at most 40'],
  ['half a second to live', () => JobTrigger.job({ revision: '1', timeToLive: Duration.millis(500) }), "'timeToLive'"],
])('%s is an error that says what to write', (_, make, text) => {
  expect(make).toThrow(text);
});
