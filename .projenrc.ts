import { cdk8s, javascript } from 'projen';

const NAME = 'cdk8s-volume-snapshots';
const REPOSITORY = `https://github.com/${NAME}/${NAME}`;

const project = new cdk8s.ConstructLibraryCdk8s({
  name: NAME,
  description: 'Scheduled, ready-checked, safely pruned and restorable Kubernetes volume snapshots as typed cdk8s constructs',
  keywords: ['cdk8s', 'kubernetes', 'csi', 'volumesnapshot', 'snapshot', 'backup', 'restore', 'statefulset', 'gitops'],
  author: `The ${NAME} authors`,
  authorOrganization: true,
  authorAddress: `${NAME}@example.com`,
  repositoryUrl: `${REPOSITORY}.git`,
  license: 'Apache-2.0',
  stability: 'experimental',
  bin: { [NAME]: `bin/${NAME}` },
  defaultReleaseBranch: 'main',
  projenrcTs: true,
  sampleCode: false,
  packageManager: javascript.NodePackageManager.NPM,
  minNodeVersion: '20.16.0',
  workflowNodeVersion: '24',
  jsiiVersion: '~6.0.0',
  typescriptVersion: '~6.0.0',
  cdk8sVersion: '2.70.0',
  constructsVersion: '10.4.2',
  peerDeps: ['cdk8s-plus-27@^2.9.5'],
  devDeps: [
    'cdk8s-cli',
    'cdk8s-plus-33',
    'esbuild',
    // every npm script runs on the Node that the runner runs on
    'node@^24',
    'tsx',
    'yaml',
  ],
  typecheckTests: true,
  tsconfigDev: {
    include: ['../examples/**/*.ts', '../e2e/**/*.ts', '../scripts/**/*.ts', '../bench/**/*.ts'],
    compilerOptions: { paths: { [NAME]: ['../src'] } },
  },
  jestOptions: {
    updateSnapshot: javascript.UpdateSnapshot.NEVER,
    jestConfig: {
      moduleNameMapper: { [`^${NAME}$`]: '<rootDir>/src' },
      testPathIgnorePatterns: ['/node_modules/', '/e2e/'],
      coverageThreshold: { branches: 90, lines: 95 },
      // all cores, where jest would leave one alone; a busy machine makes tests slow, and must not make them fail
      maxWorkers: '100%',
      testTimeout: 60_000,
      coveragePathIgnorePatterns: ['/node_modules/', '/examples/', '/test/'],
    },
  },
  eslintOptions: { dirs: ['src'], devdirs: ['test', 'e2e', 'examples', 'scripts', 'bench'], commandOptions: { fix: false } },
  npmIgnoreOptions: {
    ignorePatterns: [
      '/examples/', '/docs/', '/e2e/', '/scripts/', '/bench/', '/.ci/',
      '/CONTRIBUTING.md', '/ARCHITECTURE.md',
    ],
  },
  gitignore: ['.jsii.tabl.json', '/assets/'],
  publishToPypi: { distName: NAME, module: 'cdk8s_volume_snapshots' },
  publishToMaven: { mavenGroupId: 'io.github.cdk8svolumesnapshots', mavenArtifactId: NAME, javaPackage: 'io.github.cdk8svolumesnapshots' },
  publishToGo: { moduleName: `github.com/${NAME}/${NAME}-go`, packageName: 'volumesnapshots' },
});

// the pods run the bundle in assets/; of the runner's sources the constructs need the contract and its reader, and the command how snapshots are read.
// After projen's own `!/lib/`, since the last pattern wins; .jsii.tabl.json is what the docs' snippets compile to
project.npmignore?.exclude('/lib/runner/*');
for (const file of ['breaker', 'config', 'parse-config', 'resources']) { project.npmignore?.include(`/lib/runner/${file}.js`, `/lib/runner/${file}.d.ts`); }
project.npmignore?.exclude('.jsii.tabl.json');

// deep imports are closed; examples and tests import the package by its name, as a user does
project.package.addField('exports', { '.': './lib/index.js', './package.json': './package.json', './.jsii': './.jsii', './.warnings.jsii.js': './.warnings.jsii.js' });
// 1.13.0 was published without its platform packages
project.package.addField('overrides', { 'unrs-resolver': '1.12.2' });

// the package is for npm; those for other languages want their own tools, see the task package-all
project.packageTask.reset();
project.packageTask.spawn(project.tasks.tryFind('package:js')!);

// what the snapshot pods run: one readable file
project.preCompileTask.exec(
  'esbuild src/runner/main.ts --bundle --platform=node --format=esm --target=node24 --charset=utf8 --legal-comments=none --outfile=assets/runner.mjs --log-level=warning',
);
project.testTask.prependSpawn(project.preCompileTask);
project.testTask.prependExec('node scripts/check-node.mjs');

const examples = project.addTask('examples', { description: 'Synthesize every example to examples/<name>/dist/' });
examples.exec('node scripts/check-node.mjs');
examples.spawn(project.preCompileTask);
examples.exec('tsx --tsconfig examples/tsconfig.json scripts/synth-examples.ts');

project.addTask('docs:drivers', {
  description: 'Write the table of drivers into docs/csi-driver.md',
  exec: 'tsx --tsconfig examples/tsconfig.json scripts/driver-table.ts',
});

project.addTask('test:e2e', {
  description: 'Run the end-to-end tests against the cluster of KUBECONFIG',
  steps: [{ spawn: project.preCompileTask.name }, { exec: 'jest --config e2e/jest.config.js', receiveArgs: true }],
});
project.addTask('test:alerts', {
  description: 'Test the alerts with promtool on made-up series; needs no cluster',
  steps: [{ spawn: project.preCompileTask.name }, { exec: 'jest --config e2e/prometheus/jest.config.js', receiveArgs: true }],
});
project.addTask('bench:runner', {
  description: 'Compare the runner with the shell script of the tutorials: time, API requests, bytes and memory, on the cluster of KUBECONFIG',
  steps: [{ spawn: project.preCompileTask.name }, { exec: 'tsx --tsconfig examples/tsconfig.json bench/runner.ts', receiveArgs: true }],
});
project.addTask('bench:hold', {
  description: 'Measure how long a database waits for its snapshot, beside a poll, on the test cluster',
  steps: [{ spawn: project.preCompileTask.name }, { exec: 'tsx --tsconfig examples/tsconfig.json bench/hold.ts', receiveArgs: true }],
});
project.addTask('bench:retention', {
  description: 'Time the retention engine on up to 20,000 snapshots, and the preview',
  steps: [{ exec: 'tsx --tsconfig examples/tsconfig.json bench/retention.ts', receiveArgs: true }],
});
project.addTask('bench:synth', {
  description: 'Time 1,000 schedules beside raw ApiObjects and cdk8s-plus',
  steps: [{ spawn: project.preCompileTask.name }, { exec: 'tsx --tsconfig examples/tsconfig.json bench/synth.ts', receiveArgs: true }],
});

for (const dir of ['examples', 'e2e', 'scripts', 'bench']) {
  new javascript.TypescriptConfig(project, {
    fileName: `${dir}/tsconfig.json`,
    extends: javascript.TypescriptConfigExtends.fromTypescriptConfigs([project.tsconfigDev]),
    include: ['**/*.ts'],
  });
}
// the compiler checks these imports through `paths`; the import plugin does not know them, and finds the package only once lib/ is there
project.eslint!.config.settings['import/internal-regex'] = `^${NAME}$`;
project.eslint?.addOverride({ files: ['examples/**/*.ts', 'test/**/*.ts', 'e2e/**/*.ts', 'bench/**/*.ts'], rules: { 'import/no-unresolved': 'off' } });

const snippets = project.addTask('docs:snippets', { description: 'Compile every snippet of the README, docs and docstrings', exec: 'jsii-rosetta extract --strict --compile --fail' });
project.postCompileTask.spawn(snippets);

project.synth();
