import { App, Chart, Duration, Size } from 'cdk8s';
import { Quiesce } from '../../src';
import { quantityToNumber } from '../../src/private/quantity';
import {
  message, refuseKeys, reject, requireBoolean, requireDnsLabel, requireDuration, requireEnum, requireInteger, requireKeys,
  requireKind, requireKnownKeys, requireLabels, requireList, requireName, requireOptional, requireQuantity,
} from '../../src/private/validate';

const why = { problem: 'wrong', got: 'x', allowed: 'y', fix: 'write y' };

describe('message', () => {
  test('has one form', () => {
    expect(message('Factory.of', 'prop', why)).toBe("[Factory.of] 'prop': wrong, got 'x'; allowed y; write y");
  });

  test('names the path of a construct', () => {
    expect(message(new Chart(new App(), 'test'), 'prop', why)).toBe("[test] 'prop': wrong, got 'x'; allowed y; write y");
  });

  test('is thrown', () => {
    expect(() => reject('Factory.of', 'prop', why)).toThrow(new Error("[Factory.of] 'prop': wrong, got 'x'; allowed y; write y"));
  });

  test.each([
    ['a duration', Duration.minutes(90), '1 hour 30 minutes'],
    ['a size', Size.mebibytes(500), '500Mi'],
    ['text', '', "''"],
    ['a number', 5, '5'],
    ['no number', NaN, 'NaN'],
    ['an infinite number', Infinity, 'Infinity'],
    ['true', true, 'true'],
    ['null', null, 'null'],
    ['nothing', undefined, 'undefined'],
    ['a list', ['a'], '["a"]'],
    ['an object', { a: 1 }, '{"a":1}'],
    ['an object of a class, which may hold a script', Quiesce.postgreSql(), 'a Quiesce'],
  ])('shows %s as a person would write it', (_, got, shown) => {
    expect(message('x', 'p', { ...why, got })).toContain(`got ${shown};`);
  });
});

describe('name', () => {
  test.each(['a', '0', 'a-b', 'a.b', '1.2.3', 'a'.repeat(253)])('takes %s', name => {
    expect(() => requireName('x', 'p', name)).not.toThrow();
  });

  test.each(['', '-a', 'a-', '.a', 'a.', 'a..b', 'a.-b', 'A', 'a_b', 'a b', 'ä', 'a\n', 'a/b'])('refuses %j', name => {
    expect(() => requireName('x', 'p', name)).toThrow(
      `[x] 'p': not a valid name, got '${name}'; allowed lower-case letters, digits, - and ., starting and ending with a letter or digit; rename it`,
    );
  });

  test('refuses one that is too long', () => {
    expect(() => requireName('x', 'p', 'a'.repeat(254))).toThrow(`254 characters are too many, got '${'a'.repeat(254)}'; allowed at most 253; shorten the name`);
    expect(() => requireName('x', 'p', 'abc', 2)).toThrow("3 characters are too many, got 'abc'; allowed at most 2");
  });

  test('says what else to do', () => {
    expect(() => requireName('x', 'p', 'A', 253, 'ask')).toThrow(/; ask$/);
  });
});

describe('name without dots', () => {
  test.each(['a', '0', 'a-b', 'a'.repeat(63)])('takes %s', name => {
    expect(() => requireDnsLabel('x', 'p', name)).not.toThrow();
  });

  test.each(['', 'a.b', '-a', 'a-', 'A', 'a_b', 'a'.repeat(64)])('refuses %j', name => {
    expect(() => requireDnsLabel('x', 'p', name)).toThrow(
      `[x] 'p': not a valid name, got '${name}'; allowed at most 63 lower-case letters, digits and -, starting and ending with a letter or digit; rename it`,
    );
  });

  test('refuses one that is longer than the place for it', () => {
    expect(() => requireDnsLabel('x', 'p', 'abc', 2)).toThrow('allowed at most 2 lower-case letters');
  });
});

describe('labels', () => {
  test.each([
    [{}], [{ a: '' }], [{ a: 'B_c.d-0' }], [{ 'app.kubernetes.io/name': 'x' }], [{ [`${'a'.repeat(63)}`]: 'a'.repeat(63) }], [{ [`${'a.'.repeat(126)}a/x`]: 'y' }],
  ])('take %j', labels => {
    expect(() => requireLabels('x', 'p', labels)).not.toThrow();
  });

  test.each(['-a', 'a-', 'a b', 'a/b', 'a'.repeat(64), 'ü'])('refuse the value %j', value => {
    expect(() => requireLabels('x', 'p', { app: value })).toThrow(`[x] 'p': not a valid value of the label 'app', got '${value}'; `
      + 'allowed at most 63 letters, digits, -, _ and ., starting and ending with a letter or digit; change the value, or use an annotation');
  });

  test.each(['', '/', 'a/', '/a', 'a/b/c', 'A.example.com/b', '-a', 'a-', 'a b', 'a'.repeat(64), `${'a'.repeat(254)}/b`])('refuse the key %j', key => {
    for (const check of [requireLabels, requireKeys]) {
      expect(() => check('x', 'p', { [key]: 'v' }))
        .toThrow(`[x] 'p': not a valid key, got '${key}'; allowed an optional DNS name and /, then at most 63 letters, digits, -, _ and .; change the key`);
    }
  });

  test('refuse what is not text, as untyped callers pass it', () => {
    for (const check of [requireLabels, requireKeys]) {
      expect(() => check('x', 'p', { app: true as any })).toThrow("[x] 'p': the value of 'app' is not text, got true; allowed strings; put it in quotes");
    }
  });
});

test('annotations take any text', () => {
  expect(() => requireKeys('x', 'p', { 'example.com/note': 'any thing: at all\n' })).not.toThrow();
});

describe('integer', () => {
  test.each([[1, 1, 1], [0, 0, 5], [Number.MAX_SAFE_INTEGER, 0, undefined]])('takes %d from %d to %d', (value, min, max) => {
    expect(() => requireInteger('x', 'p', value, min, max)).not.toThrow();
  });

  test.each([0, 6, 1.5, NaN, Infinity, 2 ** 53, '3' as any, null as any])('refuses %j', value => {
    expect(() => requireInteger('x', 'p', value, 1, 5)).toThrow(/^\[x\] 'p': out of range, got .+; allowed a whole number from 1 to 5; change the number$/);
  });

  test('names no limit where there is none', () => {
    expect(() => requireInteger('x', 'p', -1, 0)).toThrow('allowed a whole number from 0; change the number');
  });
});

describe('duration', () => {
  const [min, max] = [Duration.seconds(10), Duration.hours(1)];

  test('takes both ends of the range', () => {
    for (const duration of [min, max, Duration.millis(11_000)]) { expect(() => requireDuration('x', 'p', duration, min, max)).not.toThrow(); }
  });

  test.each([['9 seconds', Duration.seconds(9)], ['1 hour 1 second', Duration.seconds(3601)], ['10 seconds 1 milli', Duration.millis(10_001)]])('refuses %s', (got, duration) => {
    expect(() => requireDuration('x', 'p', duration, min, max)).toThrow(
      `[x] 'p': out of range, got ${got}; allowed whole seconds from 10 seconds to 60 minutes; change the duration`,
    );
  });
});

describe('quantity', () => {
  test.each([
    ['0', 0], ['1', 1], ['1.', 1], ['.5', 0.5], ['0.5', 0.5], ['100m', 0.1], ['5u', 5e-6], ['5n', 5e-9], ['1k', 1000], ['500M', 5e8], ['1G', 1e9], ['1T', 1e12],
    ['1P', 1e15], ['1E', 1e18], ['1Ki', 1024], ['500Mi', 524_288_000], ['1.5Gi', 1_610_612_736], ['1Ti', 2 ** 40], ['1Pi', 2 ** 50], ['1Ei', 2 ** 60],
    ['1e3', 1000], ['1E3', 1000], ['2e+3', 2000], ['5e-1', 0.5],
  ])('%s amounts to %d', (text, value) => {
    expect(quantityToNumber(text)).toBeCloseTo(value, 10);
    expect(() => requireQuantity('x', 'p', text)).not.toThrow();
  });

  test.each(['', ' ', '-1', '+1', '1 Gi', '1gi', '1KI', '1K', '1Mb', 'Gi', '.', '1e', '1.2.3', '0x10', '½'])('%j is none', text => {
    expect(quantityToNumber(text)).toBeUndefined();
    expect(() => requireQuantity('x', 'p', text)).toThrow(
      `[x] 'p': not a quantity, got '${text}'; allowed a number with an optional suffix such as m, k, M, G, Ki, Mi or Gi; write for example 100m or 64Mi`,
    );
  });
});

describe('what no compiler has checked', () => {
  const circular: { self?: object } = {};
  circular.self = circular;

  test.each<[string, unknown, RegExp]>([
    ['a construct', new Chart(new App(), 'test'), /got construct at test;/],
    ['a circle', circular, /got an object of self;/],
    ['a bigint', 1n, /got 1;/],
    ['a function', function named() { return 1; }, /got the function named;/],
    ['pages', 'x'.repeat(10_000), /got 'x{299}…;/],
  ])('is shown in a line: %s', (_, got, shown) => {
    expect(message('x', 'p', { ...why, got })).toMatch(shown);
  });

  test.each<[string, () => void, RegExp]>([
    ['a name that is none', () => requireName('x', 'p', undefined as any), /^\[x\] 'p': not text, got undefined; allowed a string; write it in quotes$/],
    ['a number as a name', () => requireDnsLabel('x', 'p', 5 as any), /'p': not text, got 5;/],
    ['a number as a quantity', () => requireQuantity('x', 'p', 1 as any), /'p': not text, got 1;/],
    ['text as a map', () => requireKeys('x', 'p', 'a=b' as any), /'p': not a map, got 'a=b'; .*; write \{ key: 'value' \}$/],
    ['nothing as a map', () => requireKeys('x', 'p', null as any), /'p': not a map, got null;/],
    ['a list as labels', () => requireLabels('x', 'p', ['a'] as any), /'p': not a map, got \["a"\];/],
    ['a number as a duration', () => requireDuration('x', 'p', 60 as any, Duration.seconds(1), Duration.days(1)), /not a Duration, got 60; .*Duration.hours\(1\)/],
    ['no number as a duration', () => requireDuration('x', 'p', Duration.seconds(NaN), Duration.seconds(1), Duration.days(1)), /'p': out of range, got a duration of NaN;/],
    ['text as a list', () => requireList('x', 'p', 'a'), /'p': not a list, got 'a'; .*brackets/],
    ['text as a boolean', () => requireBoolean('x', 'p', 'false'), /'p': not a boolean, got 'false'; allowed true or false;/],
    ['another word than those of an enum', () => requireEnum('x', 'p', 'keep', { KEEP: 'Keep' }), /not a member of the enum, got 'keep'; allowed KEEP \('Keep'\);/],
    ['null for an object', () => requireKind('x', 'p', null, 'Cron'), /'p': not a Cron, got null; allowed a Cron; write Cron.schedule/],
    ['an object of another kind', () => requireKind('x', 'p', Duration.days(1), 'Size'), /'p': not a Size, got 1 day;/],
    ['a misspelled prop', () => requireKnownKeys('x', { keepfor: 1 } as any, { keepFor: true }), /'keepfor': no such prop, got 1; allowed keepFor; did you mean keepFor\?$/],
    ['a word of others among options, which would be passed over', () => requireKnownKeys('x', { ttl: 1 } as any, { keepFor: true }), /'ttl': no such prop, got 'ttl'; allowed keepFor; leave it out, or correct its name$/],
    ['a word of others in a part of props', () => requireKnownKeys(new Chart(new App(), 'c'), { ttl: 1 } as any, { keepFor: true }, 'rules[0]'), /\[c\] 'rules\[0\]\.ttl': no such prop/],
    ['no props', () => requireKnownKeys('x', undefined as any, { keepFor: true }), /'props': not an object, got undefined;/],
    ['a key of others', () => refuseKeys('x', 'p', { 'a/b': '' }, ['a/']), /'p': this key is set by the library or by Kubernetes, got 'a\/b';/],
  ])('is refused: %s', (_, check, problem) => {
    expect(check).toThrow(problem);
  });

  test('may be left out where it may', () => {
    expect(() => {
      requireList('x', 'p', undefined);
      requireBoolean('x', 'p', undefined);
      requireEnum('x', 'p', undefined, {});
      requireOptional('x', 'p', undefined, 'Size');
      requireKnownKeys<object>('x', { later: undefined }, {});
      // of a class that extends a construct
      requireKnownKeys<object>(new Chart(new App(), 'c'), { team: 'dba' }, { keepFor: true } as object);
    }).not.toThrow();
  });

  test('may be of another copy of the package, where instanceof fails', () => {
    expect(() => requireKind('x', 'p', { toKibibytes: () => 1 }, 'Size')).not.toThrow();
  });
});
