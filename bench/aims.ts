/** What was aimed at and not reached, in words. */
export const missed: string[] = [];

/** Remembers a value that is more than it should be. */
export function aim(what: string, value: number, most: number): void {
  if (value > most) { missed.push(`${what}: ${round(value)}, at most ${round(most)}`); }
}

const round = (value: number) => Number(value.toPrecision(3));
