import { anyOf, select } from '../../src/private/promql';

test('series are chosen by values as they are, or by expressions for the whole of them', () => {
  expect(select('up', {})).toBe('up');
  expect(select('up', { job: 'a', instance: '~b|c' })).toBe('up{job="a",instance=~"b|c"}');
});

test('no value can end the text that it is in', () => {
  expect(select('up', { job: 'a"} or vector(1) or up{job="' })).toBe('up{job="a\\"} or vector(1) or up{job=\\""}');
  expect(select('up', { job: 'a\\b' })).toBe('up{job="a\\\\b"}');
});

test('the dot of a name is no wildcard', () => {
  expect(select('up', { claim: anyOf(['data.0', 'log']) })).toBe('up{claim=~"data\\\\.0|log"}');
});
