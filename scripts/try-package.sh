#!/usr/bin/env bash
# Installs the packed library into an empty cdk8s app, as a user does, type-checks
# an example there and compares what it synthesizes with what is checked in.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd -P)
example=postgres-longhorn

tarball=$(ls "$root"/dist/js/*.tgz)
app=$(mktemp -d)
trap 'rm -rf "$app"' EXIT
version() { node -p "require('$root/node_modules/$1/package.json').version"; }

cd "$app"
npm init --yes >/dev/null
npm install --no-save --silent "$tarball" "cdk8s@$(version cdk8s)" "cdk8s-plus-27@$(version cdk8s-plus-27)" "constructs@$(version constructs)" \
  "typescript@$(version typescript)" "tsx@$(version tsx)" "@types/node@$(version @types/node)"
cp "$root/examples/$example/main.ts" .
npx tsc --noEmit --strict --skipLibCheck --module node16 --moduleResolution node16 --target es2022 --types node main.ts
npx tsx main.ts
diff -r "$root/examples/$example/dist" dist
echo "the packed library synthesizes $example as it is checked in"
