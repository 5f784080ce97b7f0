import { CLOUD_DRIVERS } from './cloud-drivers';
import { DriverFacts } from './driver-rules';
import { STORAGE_DRIVERS } from './storage-drivers';

/** All that is known about drivers, in the order of the documentation. */
export const CATALOGUE: readonly DriverFacts[] = [...CLOUD_DRIVERS, ...STORAGE_DRIVERS];

const UNKNOWN: DriverFacts = { product: 'unknown', names: [] };
const BY_NAME = new Map(CATALOGUE.flatMap(facts => facts.names.map(name => [name, facts])));

/** What is known about the driver of this name; nothing, for most drivers there are. */
export function driverFacts(driver: string): DriverFacts {
  return BY_NAME.get(driver) ?? CATALOGUE.find(({ alsoNamed }) => alsoNamed?.test(driver)) ?? UNKNOWN;
}
