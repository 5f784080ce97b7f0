import { readFileSync } from 'fs';
import { BuiltPackage } from './package';

// what is as wide as what it renders: Kubernetes writes it, and the keys of the first level are checked
const ANY = ['RunnerPodOptions.affinity', 'VeleroOptions.values'];

interface Docs { summary?: string; default?: string; example?: string }
interface TypeReference { fqn?: string; primitive?: string; collection?: { elementtype: TypeReference }; union?: object; intersection?: object }
interface Parameter { name: string; docs?: Docs; type: TypeReference; optional?: boolean }
interface Member {
  name: string;
  docs?: Docs;
  static?: boolean;
  immutable?: boolean;
  optional?: boolean;
  type?: TypeReference;
  parameters?: Parameter[];
  returns?: { type: TypeReference };
}
interface Type {
  name: string;
  fqn: string;
  kind: string;
  docs?: Docs;
  datatype?: boolean;
  abstract?: boolean;
  base?: string;
  initializer?: Member;
  properties?: Member[];
  methods?: Member[];
  members?: Member[];
}

let types: Type[];

beforeAll(() => {
  const built = new BuiltPackage();
  try {
    types = Object.values(JSON.parse(readFileSync(built.path('.jsii'), 'utf8')).types);
  } finally {
    built.remove();
  }
}, 60_000);

const membersOf = (type: Type) => [...type.properties ?? [], ...type.methods ?? [], ...type.members ?? []];
const factoriesOf = (type: Type) => (type.methods ?? []).filter(method => method.static);
const isConstruct = (type: Type) => type.kind === 'class' && type.base !== undefined && !type.abstract;

/** `Type.member` for every member of every type that something is to be said about. */
function find(wrong: (member: Member, type: Type) => boolean, of: (type: Type) => Member[] = membersOf): string[] {
  return types.flatMap(type => of(type).filter(member => wrong(member, type)).map(member => `${type.name}.${member.name}`));
}

function isWide(type: TypeReference | undefined): boolean {
  return type !== undefined && (type.union !== undefined || type.intersection !== undefined || type.primitive === 'any' || isWide(type.collection?.elementtype));
}

test('there are types to look at', () => {
  expect(types.length).toBeGreaterThan(30);
});

describe('documentation', () => {
  test('sums up every type', () => {
    expect(types.filter(type => !type.docs?.summary).map(({ name }) => name)).toEqual([]);
  });

  test('sums up every property, method and value', () => {
    expect(find(member => !member.docs?.summary)).toEqual([]);
  });

  test('sums up every parameter, also of constructors', () => {
    const callables = (type: Type) => [...type.methods ?? [], ...type.initializer ? [{ ...type.initializer, name: 'constructor' }] : []];
    expect(find(member => (member.parameters ?? []).some(parameter => !parameter.docs?.summary), callables)).toEqual([]);
  });

  test('says of every optional prop what happens without it', () => {
    expect(find((member, type) => type.kind === 'interface' && member.optional === true && !member.docs?.default)).toEqual([]);
  });

  test('never says that nothing happens without it', () => {
    expect(find(member => /^-?\s*undefined$/.test(member.docs?.default ?? ''))).toEqual([]);
  });

  test('shows every construct in use', () => {
    expect(types.filter(type => isConstruct(type) && !type.docs?.example).map(({ name }) => name)).toEqual([]);
  });

  test('shows every factory in use', () => {
    expect(find(factory => !factory.docs?.example, factoriesOf)).toEqual([]);
  });

  test('says of no prop that it is required and has a default', () => {
    expect(find((member, type) => type.datatype === true && !member.optional && member.docs?.default !== undefined)).toEqual([]);
  });
});

describe('types', () => {
  test('are no unions and not any, which other languages than TypeScript cannot check', () => {
    expect(find(({ type, returns, parameters = [] }) => [type, returns?.type, ...parameters.map(p => p.type)].some(isWide))).toEqual(ANY);
  });

  test('that go into props and methods are ours, or of cdk8s and constructs, so that users of any cdk8s-plus can pass theirs', () => {
    const foreign = (type: TypeReference | undefined): boolean =>
      type !== undefined && (/^cdk8s-plus/.test(type.fqn ?? '') || foreign(type.collection?.elementtype));
    expect(find((member, type) => type.datatype === true && foreign(member.type))).toEqual([]);
    expect(find(member => (member.parameters ?? []).some(({ type }) => foreign(type)))).toEqual([]);
  });

  test('of props cannot be changed by us', () => {
    expect(find((member, type) => type.kind === 'interface' && member.immutable !== true, ({ properties }) => properties ?? [])).toEqual([]);
  });
});

describe('constructs', () => {
  test('are these', () => {
    expect(types.filter(isConstruct).map(({ name }) => name).sort()).toEqual([
      'GroupSnapshotClass',
      'ImportedSnapshots',
      'PreProvisionedSnapshot',
      'PreUpgradeSnapshot',
      'RecoveryPod',
      'RestoreDrill',
      'RestoredPvc',
      'RunnerDefaults',
      'ScheduledSnapshot',
      'Snapshot',
      'SnapshotAlerts',
      'SnapshotClass',
      'SnapshotClone',
      'SnapshotController',
      'SnapshotCoverage',
      'SnapshotDashboard',
      'SnapshotHoldGuard',
      'SnapshotInventory',
      'SnapshotMetrics',
      'SnapshotOrphans',
      'SnapshotQuota',
      'SnapshotRbac',
      'SnapshotReclaim',
      'SnapshotRestore',
      'Velero',
      'VeleroBackup',
      'VeleroRestore',
      'VeleroSchedule',
      'VeleroStorageLocation',
      'VeleroVolumePolicy',
    ]);
  });

  test('take scope, id and props of their own name', () => {
    for (const type of types.filter(isConstruct)) {
      expect(type.initializer?.parameters?.map(({ name, type: { fqn, primitive } }) => [name, fqn ?? primitive])).toEqual([
        ['scope', 'constructs.Construct'], ['id', 'string'], ['props', `${type.fqn}Props`],
      ]);
    }
  });

  test('need props only if one of them is required', () => {
    const needsProps = (type: Type) => types.find(({ fqn }) => fqn === `${type.fqn}Props`)?.properties?.some(({ optional }) => !optional) ?? false;
    const asksForProps = (type: Type) => !type.initializer?.parameters?.[2].optional;
    expect(types.filter(isConstruct).filter(type => needsProps(type) !== asksForProps(type)).map(({ name }) => name)).toEqual([]);
  });

  test('are all there is to construct; other classes have factories', () => {
    expect(types.filter(type => type.kind === 'class' && !isConstruct(type) && type.initializer).map(({ name }) => name)).toEqual([]);
  });
});
