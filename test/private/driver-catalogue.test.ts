import { CsiDriver } from '../../src';
import { CATALOGUE, driverFacts } from '../../src/private/driver-catalogue';
import { kindOf } from '../../src/private/driver-facts';
import { DRIVER_OPTIONS } from '../../src/private/driver-options';
import { DRIVERS } from '../drivers';

const names = CATALOGUE.flatMap(facts => facts.names);
const PLATFORM_PARAMETER = 'csi.storage.k8s.io/';

test('each name is that of one driver', () => {
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(CATALOGUE.filter(({ alsoNamed }) => alsoNamed && names.some(name => alsoNamed.test(name.replace('*', '')) && !name.includes('*')))).toEqual([]);
});

test('each driver that takes snapshots says what they are, and has a factory', () => {
  const unsaid = CATALOGUE.filter(({ factory, kinds = [], unsupported }) => !unsupported && (kinds.length === 0 || factory === undefined));
  expect(unsaid.map(({ product }) => product)).toEqual([]);
  expect(CATALOGUE.filter(({ kinds, unsupported }) => unsupported && kinds).map(({ product }) => product)).toEqual([]);
});

test('of several kinds one is made whatever the parameters, and each has a word for it', () => {
  for (const { kinds = [], product } of CATALOGUE) {
    const chosen = kinds.map(kind => kind.chosen !== undefined);
    expect([product, chosen]).toEqual([product, chosen.map((_, index) => index < chosen.length - 1)]);
    if (kinds.length > 1) { expect([product, kinds.every(({ called }) => called !== undefined)]).toEqual([product, true]); }
  }
});

test('each factory makes a driver of the catalogue, and the catalogue knows each factory', () => {
  const factories = Object.getOwnPropertyNames(CsiDriver).filter(name => typeof (CsiDriver as any)[name] === 'function' && !['ceph', 'of'].includes(name));
  expect(Object.keys(DRIVER_OPTIONS).filter(name => name !== 'of').sort()).toEqual(factories.sort());
  expect([...new Set(CATALOGUE.flatMap(({ factory }) => factory ?? []))].sort()).toEqual(factories.sort());
  expect(DRIVERS.map(({ name }) => driverFacts(name)).sort()).toEqual(CATALOGUE.filter(({ unsupported }) => !unsupported).sort());
});

test('no factory renders a parameter that the catalogue does not check', () => {
  const unchecked = DRIVERS.flatMap(({ name, parameters }) => {
    const { parameters: known = {}, prefix } = driverFacts(name);
    const prefixes = [PLATFORM_PARAMETER, ...prefix === undefined ? [] : [prefix]];
    const isChecked = (parameter: string) => parameter in known || prefixes.some(each => parameter.startsWith(each));
    return Object.keys(parameters).filter(parameter => !isChecked(parameter));
  });
  expect(unchecked).toEqual([]);
});

test('a driver tells what the catalogue knows of it', () => {
  expect(CsiDriver.longhorn().outlivesVolume).toBe(false);
  expect(CsiDriver.of('driver.longhorn.io').outlivesVolume).toBe(true);
  // the volume stays as long as its snapshots do
  expect(CsiDriver.vsphere().outlivesVolume).toBe(true);
  expect(CsiDriver.exoscale().outlivesVolume).toBeUndefined();
  expect([CsiDriver.awsEbs(), CsiDriver.trident(), CsiDriver.exoscale()].map(({ takesGroups }) => takesGroups)).toEqual([false, true, undefined]);
});

test('whatever runs of a driver is installed under another name is known all the same', () => {
  expect(driverFacts('openshift-storage.cephfs.csi.ceph.com').product).toBe('CephFS');
  expect(driverFacts('org.democratic-csi.nas').product).toBe('democratic-csi');
  expect(driverFacts('rook.ceph.rbd.csi.ceph.com').product).toBe('unknown');
  expect(kindOf('csi.example.com', {})).toBeUndefined();
});
