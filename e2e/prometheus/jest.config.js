const { join } = require('node:path');

// the alerts and the queries of the dashboard, evaluated by Prometheus' own promtool on series that are made up: needs no cluster
module.exports = {
  rootDir: join(__dirname, '..', '..'),
  testMatch: ['<rootDir>/e2e/prometheus/*.promtool.ts'],
  testTimeout: 60_000,
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: 'e2e/tsconfig.json' }] },
  moduleNameMapper: { '^cdk8s-volume-snapshots$': '<rootDir>/src' },
};
