#!/usr/bin/env bash
# Builds the library for Python, Java and Go, runs the quick start of each, and compares what it synthesizes with what
# the one in TypeScript does, byte for byte; a wrong prop must be refused in the words of this library. With arguments,
# for those languages only. Needs `npx projen compile` first, python3 with venv, a JDK with Maven, and Go.
# What cannot be had everywhere, cdk8s for Go and cdk8s-plus-27 for Java and Go, is generated from its npm package, which is
# how it is published too; all else comes from the registry of the language, in the versions of node_modules.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd -P)
example=$root/examples/quick-start
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# the generator, and what the libraries start, run on the Node of the devDependencies
export PATH=$root/node_modules/.bin:$PATH:/usr/local/go/bin

version() { node -p "require('$root/node_modules/$1/package.json').version"; }
cdk8s=$(version cdk8s) plus=$(version cdk8s-plus-27) constructs=$(version constructs) jsii=$(version jsii-pacmak)

need() {
  for program; do command -v "$program" >/dev/null || { echo "there is no $program: it is needed to try this language" >&2; exit 1; }; done
}

# jsii_pacmak <language> <package> [option…]: a package below the root, into $work/<language>
jsii_pacmak() { (cd "$root/$2" && jsii-pacmak --no-npmignore --target "$1" --outdir "$work" "${@:3}"); }

# try <language> <file>: runs the quick start by run_<language>, once as it is, once with a time zone that there is not
try() {
  mkdir "$work/app"
  cd "$work/app"
  cp "$example/$2" .
  "build_$1"
  "run_$1"
  diff -r "$example/dist" dist
  sed -i 's#Europe/Berlin#Europe/Atlantis#' "$2"
  if "run_$1" >refused 2>&1; then echo "$1: a time zone that there is not is accepted" >&2; exit 1; fi
  grep -qF "[shop/Nightly] 'timeZone': " refused || { cat refused; echo "$1: a wrong prop is not refused in our words" >&2; exit 1; }
  cd "$root"
  rm -rf "$work/app"
  echo "the library for $1 synthesizes the quick start as it is checked in, and says what is wrong with a prop"
}

build_python() {
  need python3
  jsii_pacmak python .
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$work"/python/*.whl \
    "cdk8s==$cdk8s" "cdk8s-plus-27==$plus" "constructs==$constructs" "jsii==$jsii"
}
run_python() { "$work/venv/bin/python" main.py; }

build_java() {
  need javac java mvn
  # short-lived programs on few cores: a third of the time without the second compiler
  local quick=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)
  # both into one tree of sources and resources
  for package in node_modules/cdk8s-plus-27 .; do jsii_pacmak java "$package" --code-only; done
  artifact() { echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version></dependency>"; }
  cat >"$work/pom.xml" <<POM
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>quick.start</groupId><artifactId>quick-start</artifactId><version>1</version>
  <dependencies>
    $(artifact org.cdk8s cdk8s "$cdk8s")
    $(artifact software.constructs constructs "$constructs")
    $(artifact software.amazon.jsii jsii-runtime "$jsii")
    $(artifact javax.annotation javax.annotation-api 1.3.2)
  </dependencies>
</project>
POM
  MAVEN_OPTS="${MAVEN_OPTS:-} ${quick[*]}" mvn --quiet --batch-mode --file "$work/pom.xml" dependency:build-classpath -Dmdep.outputFile="$work/classpath"
  # of cdk8s-plus-27 what this library uses is compiled with it, not the whole
  javac "${quick[@]/#/-J}" -nowarn -proc:none -implicit:class -encoding UTF-8 -cp "$(<"$work/classpath")" -sourcepath "$work/java/src/main/java" -d "$work/classes" \
    "$work"/java/src/main/java/io/github/cdk8svolumesnapshots/*.java
  cp -r "$work/java/src/main/resources/." "$work/classes"
}
run_java() {
  local classpath=.:$work/classes:$(<"$work/classpath")
  javac -proc:none -encoding UTF-8 -cp "$classpath" -d . QuickStart.java && java -cp "$classpath" QuickStart
}

build_go() {
  need go
  for package in node_modules/cdk8s node_modules/cdk8s-plus-27 .; do jsii_pacmak go "$package" --code-only; done
  go mod init example.com/quick-start
  for module in "$work"/go/*/; do go mod edit -replace "$(cd "$module" && go list -m)=$module"; done
  go mod edit -require "github.com/aws/jsii-runtime-go@v$jsii"
  go mod tidy
  go vet -trimpath .
}
run_go() { go run -trimpath .; }

declare -A quick_starts=([python]=main.py [java]=QuickStart.java [go]=main.go)
[[ $# -gt 0 ]] || set -- python java go
for language; do
  [[ -v quick_starts[$language] ]] || { echo "there is no quick start in '$language'; allowed are python, java and go" >&2; exit 1; }
  try "$language" "${quick_starts[$language]}"
done
