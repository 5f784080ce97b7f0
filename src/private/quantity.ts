/*
 * Amounts as Kubernetes writes them; both programs read them.
 */

const QUANTITY = /^([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$/;
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** What a quantity amounts to, in bytes or cores, or undefined if it is none. */
export function quantityToNumber(value: string): number | undefined {
  const match = QUANTITY.exec(value);
  if (!match) { return undefined; }
  const suffix = match[3] ?? '';
  if (BINARY.includes(suffix)) { return Number(match[1]) * 1024 ** BINARY.indexOf(suffix); }
  return DECIMAL.includes(suffix) ? Number(match[1]) * 1000 ** (DECIMAL.indexOf(suffix) - 3) : Number(value);
}
