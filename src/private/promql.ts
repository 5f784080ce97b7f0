/** What the series of a metric must have. */
export interface Matchers { readonly [label: string]: string }

/** The series of a metric whose labels have all of these values. A value that begins with `~` is a regular expression for the whole of it. */
export function select(metric: string, ...matchers: Matchers[]): string {
  const texts = matchers.flatMap(each => Object.entries(each)).map(([label, value]) => value.startsWith('~') ? `${label}=~${quote(value.slice(1))}` : `${label}=${quote(value)}`);
  return texts.length > 0 ? `${metric}{${texts.join(',')}}` : metric;
}

/** Any of these names; no name of Kubernetes has a character that means something in a regular expression but the dot. */
export function anyOf(names: readonly string[]): string {
  return `~${names.map(name => name.replace(/\./g, '\\.')).join('|')}`;
}

/** Lines of an expression within another. */
export function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

/** As Go reads it, which knows the escapes of JSON that are left. */
function quote(text: string): string {
  return JSON.stringify(text);
}
