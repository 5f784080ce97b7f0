/** Grafana's JSON of panels. @see https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */

/** The data source that the reader of the dashboard has chosen. */
export const DATA_SOURCE = { type: 'prometheus', uid: '${datasource}' };

export interface Query {
  readonly expr: string;
  /** what a series is called */
  readonly legend?: string;
}

/** A panel before it has a place. */
export interface Panel {
  readonly width: number;
  readonly height: number;
  readonly body: object;
}

/** Panels under one heading. */
export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

interface Content {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
}

/** From these values on, these colours; the first colour is that of all below. */
type Steps = readonly [below: string, ...from: readonly (readonly [value: number, color: string])[]];

/** One is too many. */
export const NONE_IS_GOOD: Steps = ['green', [1, 'red']];
/** Less than all is too few. */
export const allOf = (count: number): Steps => ['red', [count, 'green']];
const PLAIN: Steps = ['blue'];

/** One number, as of now; where there is no metric it says so, and is not zero. */
export function stat(content: Content, expr: string, steps: Steps = PLAIN): Panel {
  return panel('stat', 4, 4, content, [{ expr }], {
    now: true,
    defaults: { noValue: 'no metrics', color: { mode: 'thresholds' }, thresholds: thresholds(steps) },
    options: { colorMode: 'value', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } },
  });
}

/** Lines over time. */
export function graph(content: Content, queries: readonly Query[]): Panel {
  return panel('timeseries', 12, 8, content, queries, {
    defaults: { min: 0, custom: { drawStyle: 'line', lineWidth: 2, fillOpacity: 0, showPoints: 'auto', spanNulls: false } },
    options: { legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] }, tooltip: { mode: 'multi', sort: 'desc' } },
  });
}

/** What there is now, with the labels as columns; the number is the last, if it says anything. */
export function table(content: Content, expr: string, valueName?: string, hidden: readonly string[] = []): Panel {
  const left = ['Time', ...hidden, ...valueName === undefined ? ['Value'] : []];
  return panel('table', 12, 8, content, [{ expr }], {
    now: true,
    format: 'table',
    options: { showHeader: true, cellHeight: 'sm', sortBy: valueName === undefined ? [] : [{ displayName: valueName, desc: true }] },
    transformations: [{
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(left.map(name => [name, true])),
        renameByName: valueName === undefined ? {} : { Value: valueName },
      },
    }],
  });
}

interface Look {
  /** the moment alone, not the time before */
  readonly now?: boolean;
  readonly format?: 'table';
  readonly defaults?: object;
  readonly options: object;
  readonly transformations?: object[];
}

function panel(type: string, width: number, height: number, { description, title, unit }: Content, queries: readonly Query[], look: Look): Panel {
  const { now = false, format = 'time_series' } = look;
  const targets = queries.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode('A'.charCodeAt(0) + i),
    datasource: DATA_SOURCE,
    expr,
    format,
    instant: now,
    range: !now,
    legendFormat: legend ?? '__auto',
    editorMode: 'code',
  }));
  return {
    width,
    height,
    body: {
      type,
      title,
      description,
      datasource: DATA_SOURCE,
      targets,
      fieldConfig: { defaults: { unit, ...look.defaults }, overrides: [] },
      options: look.options,
      ...look.transformations && { transformations: look.transformations },
    },
  };
}

function thresholds([below, ...from]: Steps): object {
  return { mode: 'absolute', steps: [{ color: below, value: null }, ...from.map(([value, color]) => ({ color, value }))] };
}

/** How wide a dashboard of Grafana is. */
const COLUMNS = 24;

/** Panels from left to right and from top to bottom, with a heading before each section, and numbers in that order. */
export function layOut(sections: readonly Section[]): object[] {
  const placed: object[] = [];
  let y = 0;
  const place = (body: object, x: number, w: number, h: number) => placed.push({ id: placed.length + 1, ...body, gridPos: { x, y, w, h } });
  for (const { panels, title } of sections) {
    place({ type: 'row', title, collapsed: false, panels: [] }, 0, COLUMNS, 1);
    y += 1;
    let [x, tallest] = [0, 0];
    for (const { body, height, width } of panels) {
      if (x + width > COLUMNS) {
        y += tallest;
        [x, tallest] = [0, 0];
      }
      place(body, x, width, height);
      x += width;
      tallest = Math.max(tallest, height);
    }
    y += tallest;
  }
  return placed;
}
