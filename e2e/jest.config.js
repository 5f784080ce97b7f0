const { existsSync } = require('node:fs');
const { join } = require('node:path');

// some tests need the fault knobs, the backend and the audit log of the test cluster
const snapcluster = process.env.SNAPCLUSTER;
if (snapcluster === undefined) {
  console.warn('SNAPCLUSTER is not set: only the tests that any cluster can run are run; those below e2e/snapcluster/ are not');
} else if (!existsSync(join(snapcluster, 'snapcluster'))) {
  throw new Error(`SNAPCLUSTER=${snapcluster} has no program 'snapcluster'`);
}

// faults and what is shared by all are those of the whole cluster, and the pages of some docs share a namespace; all others may run beside each other
const onSnapcluster = (...names) => (snapcluster === undefined ? [] : names.map(name => `<rootDir>/e2e/snapcluster/${name}.e2e.ts`));
const SHARED = ['status', 'examples'].map(name => `<rootDir>/e2e/${name}.e2e.ts`);
const OF_THEIR_OWN = onSnapcluster('clones', 'drills', 'groups', 'hold-guard', 'inventory', 'masked-clones', 'masked-postgres', 'tearing', 'upgrades');
const files = {
  together: { testMatch: ['<rootDir>/e2e/*.e2e.ts', ...OF_THEIR_OWN], testPathIgnorePatterns: SHARED, maxWorkers: 2 },
  alone: { testMatch: [...SHARED, ...onSnapcluster('*')], testPathIgnorePatterns: OF_THEIR_OWN, maxWorkers: 1 },
  undefined: { testMatch: ['<rootDir>/e2e/*.e2e.ts', ...onSnapcluster('*')], maxWorkers: 1 },
}[process.env.E2E_FILES];
if (files === undefined) { throw new Error(`E2E_FILES=${process.env.E2E_FILES}: write together or alone, or leave it out for all`); }

module.exports = {
  rootDir: join(__dirname, '..'),
  ...files,
  testTimeout: 600_000,
  ...(snapcluster === undefined ? {} : { globalSetup: '<rootDir>/e2e/snapcluster/steady-network.ts' }),
  setupFilesAfterEnv: ['<rootDir>/e2e/end-workloads.ts'],
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: 'e2e/tsconfig.json' }] },
  moduleNameMapper: { '^cdk8s-volume-snapshots$': '<rootDir>/src' },
};
