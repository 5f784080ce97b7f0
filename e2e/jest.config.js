const { existsSync } = require('node:fs');
const { join } = require('node:path');

// some tests need the fault knobs, the backend and the audit log of the test cluster
const snapcluster = process.env.SNAPCLUSTER;
if (snapcluster === undefined) {
  console.warn('SNAPCLUSTER is not set: only the tests that any cluster can run are run; those below e2e/snapcluster/ are not');
} else if (!existsSync(join(snapcluster, 'snapcluster'))) {
  throw new Error(`SNAPCLUSTER=${snapcluster} has no program 'snapcluster'`);
}

module.exports = {
  rootDir: join(__dirname, '..'),
  testMatch: ['<rootDir>/e2e/*.e2e.ts', ...snapcluster === undefined ? [] : ['<rootDir>/e2e/snapcluster/*.e2e.ts']],
  testTimeout: 300_000,
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: 'e2e/tsconfig.json' }] },
  moduleNameMapper: { '^cdk8s-volume-snapshots$': '<rootDir>/src' },
};
