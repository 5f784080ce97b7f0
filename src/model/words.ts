import { PERIODS } from '../retention/calendar';
import { RetentionRules } from '../retention/plan';
import { ClaimSelection } from '../runner/config';

const UNITS: [number, string][] = [[86_400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']];

/** 90061 becomes '1d 1h': two units are enough to compare. */
export function briefly(seconds: number): string {
  const first = UNITS.findIndex(([size]) => seconds >= size);
  if (first < 0) { return '0s'; }
  const [[size, unit], next] = UNITS.slice(first);
  const whole = Math.floor(seconds / size);
  const rest = next === undefined ? 0 : Math.floor((seconds - whole * size) / next[0]);
  // beyond two months an hour more tells nobody anything
  return rest === 0 || (unit === 'd' && whole >= 60) ? `${whole}${unit}` : `${whole}${unit} ${rest}${next[1]}`;
}

/** What retention keeps, such as 'for 7d, 12 monthly, at least 3'. */
export function policyInWords(rules: RetentionRules): string {
  return [
    rules.keepForSeconds && `for ${briefly(rules.keepForSeconds)}`,
    rules.keepLast && `last ${rules.keepLast}`,
    rules.keepLastVerified && `last ${rules.keepLastVerified} verified`,
    ...PERIODS.map(period => rules[period] && `${rules[period]} ${period}`),
    rules.minimumReady === 1 ? undefined : `at least ${rules.minimumReady}`,
  ].filter(Boolean).join(', ');
}

/** What a selection covers, such as 'data-postgres-0' or 'backup=hourly'. */
export function selectionInWords(selection: ClaimSelection): string {
  switch (selection.kind) {
    case 'Claim': return selection.name;
    case 'StatefulSet': return `${selection.templates.join('+')} of StatefulSet ${selection.name}`;
    case 'Selector': return Object.entries(selection.matchLabels).map(([key, value]) => `${key}=${value}`).sort(compareText).join(',') || 'every claim';
  }
}

/** As many as fit a line, and how many more. */
export function shortList(items: readonly string[], most = 3): string {
  return items.length <= most ? items.join(', ') : `${items.slice(0, most - 1).join(', ')} and ${items.length - most + 1} more`;
}

/** So many characters at most. */
export function shorten(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export function plural(count: number, singular: string, several = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : several}`;
}

/** In the order of code units, which is the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
