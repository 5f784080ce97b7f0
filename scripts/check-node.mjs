// the runner runs on Node.js 24; the devDependency `node` brings it, unless its install script was not allowed to run
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(`Node.js 24 or later is needed, got ${process.versions.node}. `
    + 'The package `node` of the devDependencies should have brought it: run `npm ci` without --ignore-scripts.');
  process.exit(1);
}
