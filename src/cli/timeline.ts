import { Plan } from './plan';
import { pathOf } from '../model/manifest';
import { briefly, plural, policyInWords, shorten } from '../model/words';

const HOUR = 3600;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;
const MARKS: [number, string][] = [
  [HOUR, '1 h'], [6 * HOUR, '6 h'], [DAY, '1 d'], [3 * DAY, '3 d'], [7 * DAY, '1 wk'], [YEAR / 12, '1 mo'], [YEAR / 4, '3 mo'],
  [YEAR, '1 y'], [2 * YEAR, '2 y'], [5 * YEAR, '5 y'], [10 * YEAR, '10 y'], [20 * YEAR, '20 y'], [50 * YEAR, '50 y'],
];

const WIDTH = 960;
const LEFT = 270;
const RIGHT = 930;
const TOP = 52;
const ROW = 46;
const TICK = 18;
const LONGEST_NAME = 34;
const LONGEST_POLICY = 42;
// greys and a blue that stand out as much from white as from black; as attributes, since some pages take styles away
const TEXT = 'fill="#777" font-family="system-ui,sans-serif" font-size="12"';
const GRID = 'stroke="#777" stroke-opacity=".3"';
const POINTS = 'stroke="#4a86c5" stroke-width="1.5"';
const HEADING = 'font-size="15" font-weight="600"';
const NAME = 'font-size="13" font-weight="600"';

/** The restore points of each schedule, once it has run for long enough, by their age on a logarithmic axis: an SVG for light and dark pages. */
export function renderTimeline({ schedules }: Plan): string {
  const oldest = Math.max(DAY, ...schedules.map(oldestOf));
  const end = MARKS.find(([age]) => age >= oldest)?.[0] ?? oldest;
  const xOf = (age: number) => round(LEFT + (RIGHT - LEFT) * Math.log1p(age / HOUR) / Math.log1p(end / HOUR));
  const bottom = TOP + Math.max(1, schedules.length) * ROW;
  const rows = schedules.map((row, index) => renderRow(row, TOP + index * ROW, xOf));
  const marks = [{ x: LEFT, label: 'now' }, ...MARKS.filter(([age]) => age <= end).map(([age, label]) => ({ x: xOf(age), label }))];
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 34}" role="img" aria-labelledby="restore-points-title restore-points-desc">`,
    '<title id="restore-points-title">Restore points by age</title>',
    `<desc id="restore-points-desc">${escape(schedules.map(describe).join(' ') || 'There is no schedule.')}</desc>`,
    `<g ${TEXT}>`,
    `<text ${HEADING} x="16" y="26">Restore points by age</text>`,
    ...marks.map(({ x, label }) =>
      `<path ${GRID} d="M${x} ${TOP - 10}V${bottom}"/><text x="${x}" y="${bottom + 18}" text-anchor="middle">${label}</text>`),
    ...rows,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

type Row = Plan['schedules'][number];

function oldestOf({ outlook: { restorePoints } }: Row): number {
  return restorePoints[restorePoints.length - 1] ?? 0;
}

function renderRow(row: Row, top: number, xOf: (age: number) => number): string {
  const { schedule, outlook } = row;
  const middle = top + ROW / 2;
  // those that fall on one another at this size are drawn once
  const places = [...new Set(outlook.restorePoints.map(xOf))];
  return [
    `<g><title>${escape(describe(row))}</title>`,
    `<text ${NAME} x="16" y="${middle - 3}">${escape(shorten(pathOf(schedule), LONGEST_NAME))}</text>`,
    `<text x="16" y="${middle + 14}">${escape(shorten((schedule.suspended ? 'suspended; ' : '') + policyInWords(schedule.config.retention), LONGEST_POLICY))}</text>`,
    `<path ${GRID} d="M${LEFT} ${middle}H${RIGHT}"/>`,
    `<path ${POINTS} d="${places.map(x => `M${x} ${middle - TICK / 2}v${TICK}`).join('')}"/></g>`,
  ].join('');
}

function describe({ schedule, outlook }: Row): string {
  const state = schedule.suspended ? ' It is suspended.' : '';
  const points = outlook.restorePoints.length;
  return `${pathOf(schedule)} runs at ${schedule.expression} in ${schedule.timeZone} and keeps ${policyInWords(schedule.config.retention)}: `
    + `${plural(points, 'restore point')}${points === 0 ? '' : `, the oldest ${briefly(oldestOf({ schedule, outlook }))} old`}.${state}`;
}

function round(x: number): number {
  return Math.round(x * 2) / 2;
}

function escape(text: string): string {
  const entities: { [character: string]: string } = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  // XML has no way to write most control characters
  return text.replace(/\p{C}/gu, '\ufffd').replace(/[&<>"']/g, character => entities[character]);
}
