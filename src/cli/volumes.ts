import { Claim, coversName, namesCovered } from '../model/claims';
import { Schedule } from '../model/model';
import { selectionInWords } from '../model/words';
import { ClaimSelection } from '../runner/config';

/** A claim, and the schedules that cover it. */
export interface Volume {
  readonly namespace: string;
  readonly name: string;
  readonly schedules: readonly Schedule[];
}

/** The claims that are known by name, from files or from schedules, and those that are known by their labels alone. */
export function volumesOf(schedules: readonly Schedule[], claims: readonly Claim[]): Volume[] {
  return [...new Set(schedules.map(({ namespace }) => namespace))].flatMap(namespace => {
    const own = schedules.filter(schedule => schedule.namespace === namespace);
    const near = claims.filter(claim => mayBeIn(claim, namespace));
    const names = [...new Set([...near.flatMap(claim => claim.names), ...own.flatMap(({ config }) => config.claims.flatMap(namesIn))])];
    return names.map(name => ({
      namespace, name, schedules: own.filter(({ config }) => config.claims.some(selection => covers(selection, name, near))),
    })).filter(volume => volume.schedules.length > 0);
  });
}

export function mayBeIn(claim: Claim, namespace: string): boolean {
  return claim.namespace === '' || claim.namespace === namespace;
}

/** Names that a selection covers whatever the files say; of labels nothing but the same labels is known to cover the same. */
function namesIn(selection: ClaimSelection): string[] {
  switch (selection.kind) {
    case 'Claim': return [selection.name];
    case 'StatefulSet': return selection.templates.map(template => `${template}-${selection.name}-0`);
    case 'Selector': return [selectionInWords(selection)];
  }
}

function covers(selection: ClaimSelection, name: string, claims: readonly Claim[]): boolean {
  return selection.kind === 'Selector'
    ? selectionInWords(selection) === name || claims.some(claim => claim.names.includes(name) && namesCovered(selection, claim).length > 0)
    : coversName(selection, name);
}
