import { createHash } from 'crypto';
import { GRACE, RELEASE_TRIES, timer } from './quiesce-scripts';

/** What two hooks of Velero hold, and how. */
export interface VeleroHold {
  /** what holds the application while its input says nothing */
  readonly script: string;
  readonly container?: string;
  readonly podLabels?: { [key: string]: string };
  readonly podNames?: string[];
  readonly maxHoldSeconds: number;
  readonly onError: 'Fail' | 'Continue';
}

/** One hook, as Velero calls its fields. */
export interface ExecHook {
  readonly container?: string;
  readonly command: string[];
  readonly onError: string;
  readonly timeout: string;
}

/** Beside what the script itself takes, in seconds. */
const ANSWERS_WITHIN = 10;

/*
 * Velero executes two commands, one before and one after the cut, and neither may last. So the
 * first starts the script that holds, leaves it behind in the container, and returns as soon as
 * it says that it holds; the second asks it to let go, and fails unless it had held until then.
 * If the second never comes, the timer of the script lets go.
 */

/** The hooks before and after the cut. */
export function veleroHooks(hold: VeleroHold): { readonly pre: ExecHook; readonly post: ExecHook } {
  const { script, container, maxHoldSeconds, onError } = hold;
  // containers of a pod share /dev/shm
  const hash = createHash('sha256').update(`${container ?? ''}\n${script}`).digest('hex').slice(0, 12);
  const name = `cdk8s-volume-snapshots-${hash}`;
  const hook = (seconds: number, ...command: string[]): ExecHook => ({ container, command: ['sh', '-c', ...command], onError, timeout: `${seconds}s` });
  return {
    // the script says by then that it holds, or that it does not
    pre: hook(maxHoldSeconds + RELEASE_TRIES + ANSWERS_WITHIN, holdScript(name, hold), 'quiesce', script),
    post: hook(RELEASE_TRIES + 2 * ANSWERS_WITHIN, releaseScript(name), 'release'),
  };
}

// both are in every container, and neither is on a volume that may be frozen
const PLACES = '/dev/shm /tmp';

const HELPERS = `set -u
nl='
'
fail() { echo "$*"; exit 1; }
says() { case "$nl$(cat $state/said 2>/dev/null)$nl" in *"$nl$1$nl"*) ;; *) return 1;; esac; }
tell() { cat $state/said $state/errors 2>/dev/null; }
`;

/**
 * The script is the child of a shell that is left behind, which ends without an error whatever
 * becomes of the script: the first process of the container inherits it. A line of input ends
 * the script that waits for one, also when its time is over.
 */
function holdScript(name: string, { maxHoldSeconds: holdSeconds, onError }: VeleroHold): string {
  return `${HELPERS}command -v mkfifo >/dev/null || fail "mkfifo is not in this container, without which nothing is held between two hooks"
refuse() {
  ${onError === 'Continue' ? 'mkdir $state/refused.$$ 2>/dev/null # its post comes nevertheless' : ': # no post comes'}
  fail "another backup holds the application"
}
# a full place still takes directories
equip() {
  echo $(($(date +%s) + ${holdSeconds + RELEASE_TRIES + ANSWERS_WITHIN})) >$state/over &&
    echo quiesced >$state/probe && rm $state/probe && mkfifo $state/asked
} 2>/dev/null
for place in ${PLACES}; do
  state=$place/${name}
  [ -d $state ] || continue
  # what a hook that never came has left behind, unless it is held at the moment
  [ -s $state/over ] || sleep 1
  over=$(cat $state/over 2>/dev/null)
  [ -n "$over" ] || over=0
  [ -e $state/ended ] || [ "$(date +%s)" -ge "$over" ] || refuse
  mv $state $state.$$ && rm -rf $state.$$
done
for place in ${PLACES}; do
  state=$place/${name}
  if mkdir -m 700 $state 2>/dev/null; then
    equip && break
    rm -rf $state
  elif [ -e $state ]; then
    refuse
  fi
  state=
done
[ -n "$state" ] || fail "nothing can be written below ${PLACES.replace(' ', ' or ')} in this container"
(
${timer(holdSeconds + GRACE, ': >$state/late\n  echo over 1<>$state/asked')}
  sh -c "$1" quiesce <>$state/asked >$state/said 2>$state/errors
  end_timer
  : >$state/ended
  exit 0
) >/dev/null 2>&1 </dev/null &
until says quiesced; do
  if [ -s $state/said ] || [ -e $state/ended ]; then
    sleep 0.1
    says quiesced && break
    # any other line is why it was not; once asked to let go, it is not held, whatever it says
    echo release 1<>$state/asked
    until [ -e $state/ended ]; do sleep 0.1; done
    tell
    rm -rf $state
    fail "the application was not quiesced"
  fi
  sleep 0.1
done
`;
}

function releaseScript(name: string): string {
  const tries = (RELEASE_TRIES + ANSWERS_WITHIN) * 10;
  return `${HELPERS}state=
for place in ${PLACES}; do
  if [ -d $place/${name} ]; then state=$place/${name}; break; fi
done
[ -n "$state" ] || fail "the application was not held"
for refused in $state/refused.*; do
  # the other may still need it; its timer is there if this was the one that held
  if rmdir $refused 2>/dev/null; then fail "two backups wanted the application, and this may not be the one that held it"; fi
done
echo release 1<>$state/asked
tries=0
until [ -e $state/ended ]; do
  tries=$((tries + 1))
  [ $tries -le ${tries} ] || { tell; fail "no answer: look at the application"; }
  sleep 0.1
done
tell
held=yes
# an answer to the timer is none to this hook
says released && [ ! -e $state/late ] || held=
rm -rf $state
[ -n "$held" ] || fail "the application did not stay quiesced"
`;
}
