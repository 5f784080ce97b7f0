/**
 * What runs in the container of the application, as `sh -c`. It says `quiesced`, holds until
 * a line or the end of its input comes, lets go, and says `released`. Whatever happens to
 * the session, the application is let go after so many seconds by a timer of its own.
 */

/** How an application is held, in shell commands. */
export interface Recipe {
  /** say by `fail` what is missing, and define what the others use */
  readonly check?: string;
  /** succeed if this is the primary of several copies */
  readonly isPrimary?: string;
  /** stop the application from writing, and return when it has */
  readonly quiesce: string;
  readonly release: string;
  /**
   * The two are statements for a client, and the lock ends with its session. `check` defines
   * the function `sql` that runs it, by the command in `$exec` if there is one.
   */
  readonly inSession?: boolean;
  /** `quiesce` is a program that does it all in one session, as a script does; `release` is for when it fails */
  readonly holdsItself?: boolean;
  /** what could not be quiesced is not released either, since somebody else may hold it */
  readonly releasesOwnOnly?: boolean;
  /** it says what must be kept with the snapshots */
  readonly keeps?: boolean;
}

/** A secret is read in the container: of the variable, or of the file that the same variable with `_FILE` names. */
const HELPERS = `set -u
exec=
fail() { echo "$*"; exit 1; }
secret() {
  for name in "$@"; do
    eval "value=\\\${$name-} file=\\\${\${name}_FILE-}"
    if [ -n "$value" ]; then printf %s "$value"; return; fi
    if [ -n "$file" ]; then cat "$file"; return; fi
  done
}
`;

export function quiesceScript(holdSeconds: number, recipe: Recipe): string {
  const { check, isPrimary } = recipe;
  return HELPERS
    + (check ? `${check}\n` : '')
    + (isPrimary ? `is_primary() {\n${isPrimary}\n}\ncase " $* " in *" replica "*) if is_primary; then echo primary; exit; fi;; esac\n` : '')
    + scriptOf(holdSeconds, recipe);
}

function scriptOf(holdSeconds: number, recipe: Recipe): string {
  if (recipe.inSession) { return sessionScript(holdSeconds, recipe); }
  return alone(holdSeconds) + (recipe.holdsItself ? programScript(holdSeconds, recipe) : commandScript(holdSeconds, recipe));
}

/*
 * Every process that a script starts is waited for, and none is ended by a signal as an
 * orphan: the first process of a container inherits those, and if it is a database server
 * it may take them for parts of itself that have crashed.
 */

/**
 * Does something when the time is up, unless it is ended before; `$timer` is its process. It may be ended while it
 * has hardly begun: a shell that was just forked still takes a signal as its parent would, so nothing may be
 * trapped before it, and its sleep is ended by the one that nobody can take.
 */
export function timer(seconds: number, whatThen: string, closed = ''): string {
  return `(
  before=\${!-}
  trap 'if [ "\${!-}" != "$before" ]; then kill -KILL $!; wait $!; fi; exit 0' TERM
  sleep ${seconds} &
  wait $!
  ${whatThen}
) >/dev/null 2>&1 </dev/null ${closed}&
timer=$!
end_timer() { kill $timer; wait $timer; } 2>/dev/null`;
}

/**
 * For a lock that ends with the session of a client: the timer ends the client. When that
 * is over before its time, the script says so, and waits for the end of its input.
 */
function sessionScript(holdSeconds: number, { quiesce, release }: Recipe): string {
  return `trap '' PIPE
exec 3<&0
{
  # a client that has ended reads nothing, and says itself why
  cat <<'STATEMENTS' 2>/dev/null
${quiesce}
STATEMENTS
  exec 2>/dev/null
  read -r word <&3
  cat <<'STATEMENTS'
${release}
STATEMENTS
  exit 0
} | {
  exec 3<&- 4<&0
  (exec=exec; sql) <&4 4<&- &
  client=$!
${timer(holdSeconds, 'kill -KILL $client', '4<&- ')}
  wait $client
  ended=$?
  end_timer
  [ $ended = 0 ] || echo "the session of the client ended with $ended"
  exit 0
}
`;
}

/** Locks that outlive their session have no owner, so that one who lets go would let go for another schedule as well. */
function alone(holdSeconds: number): string {
  return `if command -v flock >/dev/null; then
  exec 9<.
  tries=0
  until flock -n 9; do
    tries=$((tries + 1))
    [ $tries -le ${holdSeconds} ] || fail "another schedule holds the application"
    sleep 1
  done
fi
`;
}

/** A second apart. */
export const RELEASE_TRIES = 60;

/** In seconds; a program lets go by itself before anybody else does. */
export const GRACE = 2;

/** For a program that takes a lock, holds it, and lets go, all by itself: the timer is for when it hangs, or is killed. */
function programScript(holdSeconds: number, { quiesce, release }: Recipe): string {
  return `trap '' PIPE
release() {
${release}
}
${timer(holdSeconds + GRACE, 'release')}
${quiesce} || release >/dev/null 2>&1
end_timer
exit 0
`;
}

/**
 * For a lock that outlives whoever took it: the timer takes it away by the same command, also
 * if the one that was asked for hangs. What is got only after that is given back at once.
 */
function commandScript(holdSeconds: number, { quiesce, release, releasesOwnOnly }: Recipe): string {
  return `quiesce() {
trap 'exit 1' TERM
${quiesce}
}
release() (
${release}
)
release_at_last() {
  tries=0
  until release; do
    tries=$((tries + 1))
    [ $tries -lt ${RELEASE_TRIES} ] || return 1
    sleep 1
  done
}
over=
quiescing=
${timer(holdSeconds, 'kill -ALRM $$\n  release_at_last')}
trap 'over=yes; [ -z "$quiescing" ] || kill $quiescing 2>/dev/null' ALRM
trap : HUP INT PIPE TERM
quiesce >&2 &
quiescing=$!
# a signal ends the wait, and not what is waited for
wait $quiescing
ended=$?
while [ $ended -gt 128 ] && kill -0 $quiescing 2>/dev/null; do
  wait $quiescing
  ended=$?
done
quiescing=
if [ $ended != 0 ] && [ -z "$over" ]; then
  ${releasesOwnOnly ? ':' : 'release >/dev/null 2>&1'}
  end_timer
  exit 1
fi
if [ -z "$over" ]; then
  echo quiesced
  read -r word
fi
if [ -z "$over" ] && ! release_at_last >&2; then
  wait $timer
  fail "it could not be released"
fi
if [ -z "$over" ]; then
  end_timer
fi
if [ -z "$over" ]; then
  echo released
  exit 0
fi
release >/dev/null 2>&1
wait $timer
fail 'the longest hold was over'
`;
}

/** A word of the shell. */
export function quoted(text: string): string { return `'${text.replace(/'/g, "'\\''")}'`; }
