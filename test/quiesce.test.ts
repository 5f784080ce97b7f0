import { Duration } from 'cdk8s';
import { configOf, newChart, podOf, schedule, statefulSet } from './manifests';
import { MySqlLock, Quiesce, QuiesceFailure, QuiesceOn, QuiesceOptions, ScheduledSnapshotProps, SnapshotSource } from '../src';

interface Synthesized {
  /** what the runner is told */
  readonly config: any;
  /** what the container runs, as the runner hands it over; none for a command of the user's own */
  readonly script?: string;
}

/** What a schedule with this quiesce comes to. */
function synthesized(quiesce: Quiesce, props: Partial<ScheduledSnapshotProps> = {}): Synthesized {
  const chart = newChart();
  schedule(chart, { quiesce, ...props });
  const variable = podOf(chart).spec.containers[0].env.find(({ name }: any) => name === 'SNAPSHOT_QUIESCE_SCRIPT');
  return { config: configOf(chart).quiesce, script: variable?.value.replace(/\$\$/g, '$') };
}

const scriptOf = (quiesce: Quiesce) => synthesized(quiesce).script as string;

/** Each preset with no option at all, by its name in messages. */
const PRESETS: [name: string, make: (options?: any) => Quiesce, maxHoldSeconds: number, does: string][] = [
  ['postgreSql', Quiesce.postgreSql, 300, 'CHECKPOINT;'],
  ['postgreSqlBackupMode', Quiesce.postgreSqlBackupMode, 300, "pg_backup_start('cdk8s-volume-snapshots', true)"],
  ['mariaDb', Quiesce.mariaDb, 30, 'BACKUP STAGE BLOCK_COMMIT;'],
  ['mySql', Quiesce.mySql, 30, 'FLUSH TABLES WITH READ LOCK;'],
  ['mongoDb', Quiesce.mongoDb, 30, '{ fsync: 1, lock: true }'],
  ['redis', Quiesce.redis, 300, 'cli BGSAVE SCHEDULE'],
  ['cassandra', Quiesce.cassandra, 300, 'nodetool flush'],
  ['fileSystem', options => Quiesce.fileSystem('/data', options), 30, "fsfreeze -f '/data'"],
  ['custom', options => Quiesce.custom({ quiesce: 'stop-writing', release: 'go-on', ...options }), 30, 'stop-writing'],
];
const DATABASES = PRESETS.slice(0, 6);
const OF_PRIMARY = 'postgreSqlBackupMode';

describe.each(PRESETS)('Quiesce.%s', (name, make, maxHoldSeconds, does) => {
  test('is a script in the container of the application, which its own timer ends', () => {
    const { config, script } = synthesized(make());
    expect(config).toEqual({ command: ['sh', '-c', '$SNAPSHOT_QUIESCE_SCRIPT', 'quiesce'], attempts: 2, maxHoldSeconds, onFailure: 'Fail' });
    expect(script).toContain(does);
    expect(script).toContain(`sleep ${name === 'mongoDb' ? maxHoldSeconds + 2 : maxHoldSeconds} &`);
  });

  test('is held for as long, by the timer as by the runner, as it is told: one that is longer would call a late cut consistent', () => {
    const { config, script } = synthesized(make({ maxHold: Duration.seconds(77) }));
    expect(config.maxHoldSeconds).toBe(77);
    // a program that holds by itself has a timer of its own before
    expect(script).toContain(name === 'mongoDb' ? ', 77000);' : 'sleep 77 &');
  });

  test('goes where it is told, as often as it is told, and fails as it is told', () => {
    const options: QuiesceOptions = { container: 'db', podNames: ['db-0', 'db-1'], attempts: 5, onFailure: QuiesceFailure.CRASH_CONSISTENT };
    expect(synthesized(make(options)).config)
      .toMatchObject({ container: 'db', podNames: ['db-0', 'db-1'], attempts: 5, onFailure: 'CrashConsistent' });
    expect(synthesized(make({ podLabels: { role: 'primary' } })).config).toMatchObject({ podLabels: { role: 'primary' } });
  });

  test('keeps what it was told, whatever becomes of the lists of the caller', () => {
    const [podNames, podLabels]: [string[], { [key: string]: string }] = [['db-0'], { role: 'primary' }];
    const [byName, byLabel] = [make({ podNames }), make({ podLabels })];
    podNames.push('other');
    podLabels.more = 'labels';
    expect([synthesized(byName).config.podNames, synthesized(byLabel).config.podLabels]).toEqual([['db-0'], { role: 'primary' }]);
  });

  test.each<[string, object, string]>([
    ['a hold that is too short', { maxHold: Duration.seconds(4) }, "'maxHold': out of range, got 4 seconds; allowed whole seconds from 5 seconds to 60 minutes; change the duration"],
    ['a hold that is too long', { maxHold: Duration.seconds(3601) }, "'maxHold': out of range, got 1 hour 1 second; allowed whole seconds from 5 seconds to 60 minutes; change the duration"],
    ['a hold of parts of seconds', { maxHold: Duration.millis(5500) }, "'maxHold': out of range, got 5 seconds 500 millis; "],
    ['a hold that is no duration', { maxHold: 30 }, "'maxHold': not a Duration, got 30; allowed a Duration; write for example Duration.hours(1)"],
    ['no attempt', { attempts: 0 }, "'attempts': out of range, got 0; allowed a whole number from 1 to 5; "],
    ['too many attempts', { attempts: 6 }, "'attempts': out of range, got 6; "],
    ['another kind of failure', { onFailure: 'Ignore' }, "'onFailure': not a member of the enum, got 'Ignore'; allowed FAIL ('Fail'), CRASH_CONSISTENT ('CrashConsistent'); write one of these"],
    ['an impossible container', { container: 'Data Base' }, "'container': not a valid name, got 'Data Base'; "],
    ['an impossible label', { podLabels: { role: 'a b' } }, "'podLabels': not a valid value of the label 'role', got 'a b'; "],
    ['no label, which every pod has', { podLabels: {} },
      "'podLabels': no label would choose every pod of the namespace, got {}; allowed at least one label; leave it out for the pods that mount the claims"],
    ['no pod, by which nothing would ever be held', { podNames: [] }, "'podNames': empty, got []; allowed at least one; leave it out for the pods that mount the claims"],
    ['an impossible pod', { podNames: ['db_0'] }, "'podNames': not a valid name, got 'db_0'; "],
    ['pods that are no list', { podNames: 'db-0' }, "'podNames': not a list, got 'db-0'; allowed a list; write it in brackets, also if it is one"],
    ['pods by name and by label', { podNames: ['db-0'], podLabels: { role: 'primary' } },
      "'podNames': the pods are chosen by podLabels already, got [\"db-0\"]; allowed one of the two; leave one out"],
    ['a misspelled option', { maxHolds: Duration.seconds(30) }, "'options.maxHolds': no such prop, got 30 seconds; allowed "],
  ])('throws for %s', (_, options, message) => {
    expect(() => make(options)).toThrow(`[Quiesce.${name}] ${message}`);
  });
});

describe.each(DATABASES)('Quiesce.%s signs in', (name, make) => {
  test('as whom it is told', () => {
    expect(scriptOf(make({ user: "o'hara" }))).toContain("'o'\\''hara'");
  });

  test('with a password that is read in the container, and in no manifest', () => {
    expect(scriptOf(make({ passwordVariable: 'BACKUP_PASSWORD' }))).toContain('="$(secret BACKUP_PASSWORD)"');
    expect(scriptOf(make({ passwordFile: '/run/secrets/it is' }))).toContain("=\"$(cat '/run/secrets/it is')\"");
  });

  test.each<[string, object, string]>([
    ['no name of a user', { user: '' }, "'user': empty, got ''; allowed the name of a user; leave it out for the usual one"],
    ['a user that is no text', { user: 7 }, "'user': not text, got 7; allowed a string; write it in quotes"],
    ['a variable with its $', { passwordVariable: '$PASSWORD' },
      "'passwordVariable': it cannot be the name of an environment variable, got '$PASSWORD'; allowed letters, digits and _; name the variable, without $"],
    ['a variable that is a command', { passwordVariable: 'A; rm -rf /' }, "'passwordVariable': it cannot be the name of an environment variable, got 'A; rm -rf /'; "],
    ['a file that is not absolute', { passwordFile: 'secrets/password' },
      "'passwordFile': it is no absolute path, got 'secrets/password'; allowed a path that begins with /; begin at the root of the container"],
    ['a password of two places', { passwordVariable: 'A', passwordFile: '/b' },
      "'passwordFile': the password is in passwordVariable already, got '/b'; allowed one of the two; leave one out"],
    ['a password, which is not shown', { password: 'hunter2' }, "'options.password': no such prop, got 'password'; allowed "],
    ['a misspelled option', { passwordFiles: '/a' }, "'options.passwordFiles': no such prop, got 'passwordFiles'; allowed container, podLabels, podNames, maxHold, attempts, onFailure, user, "
      + 'passwordVariable, passwordFile, on; did you mean passwordFile?'],
  ])('throws for %s', (_, options, message) => {
    expect(() => make(options)).toThrow(`[Quiesce.${name}] ${message}`);
  });
});

describe.each(DATABASES.filter(([name]) => name !== OF_PRIMARY))('Quiesce.%s on one of several copies', (name, make) => {
  test('is told so, and the script by a word that the runner adds', () => {
    for (const on of [QuiesceOn.REPLICA, QuiesceOn.REPLICA_OR_PRIMARY]) {
      const { config, script } = synthesized(make({ on }));
      expect(config.on).toBe(on);
      expect(script).toContain('case " $* " in *" replica "*) if is_primary; then echo primary; exit; fi;; esac');
    }
    expect(synthesized(make({ on: QuiesceOn.EVERY_COPY })).config).not.toHaveProperty('on');
  });

  test.each<[string, object, string]>([
    ['another kind of copy', { on: 'Leader' }, "not a member of the enum, got 'Leader'; allowed EVERY_COPY ('EveryCopy'), REPLICA ('Replica'), REPLICA_OR_PRIMARY ('ReplicaOrPrimary'); write one of these"],
    ['a replica among pods with labels, which are all held', { on: QuiesceOn.REPLICA, podLabels: { app: 'db' } },
      "pods with labels are one application, and are all held, got 'Replica'; allowed on or podLabels; choose the replica by its label, or leave podLabels out"],
  ])('throws for %s', (_, options, message) => {
    expect(() => make(options)).toThrow(`[Quiesce.${name}] 'on': ${message}`);
  });
});

describe('Quiesce.postgreSqlBackupMode', () => {
  test('throws for replicas, whose volumes are no one state, instead of holding the primary', () => {
    for (const on of [QuiesceOn.REPLICA, QuiesceOn.REPLICA_OR_PRIMARY]) {
      expect(() => Quiesce.postgreSqlBackupMode({ on })).toThrow(`[Quiesce.postgreSqlBackupMode] 'on': only of a primary are several volumes one state, got '${on}'; `
        + 'allowed no on; choose the primary by podNames or podLabels, or keep all on one volume and use Quiesce.postgreSql');
    }
    expect(synthesized(Quiesce.postgreSqlBackupMode({ on: QuiesceOn.EVERY_COPY })).config).not.toHaveProperty('on');
  });
});

describe('Quiesce.mySql', () => {
  test('locks its tables, or backups alone, as it is told', () => {
    expect(scriptOf(Quiesce.mySql({ lock: MySqlLock.TABLES }))).toContain('FLUSH TABLES WITH READ LOCK;');
    const instance = scriptOf(Quiesce.mySql({ lock: MySqlLock.INSTANCE }));
    expect(instance).toContain('LOCK INSTANCE FOR BACKUP;');
    expect(instance).not.toContain('FLUSH');
  });

  test('throws for another lock', () => {
    expect(() => Quiesce.mySql({ lock: 'Rows' as MySqlLock }))
      .toThrow("[Quiesce.mySql] 'lock': not a member of the enum, got 'Rows'; allowed TABLES ('Tables'), INSTANCE ('Instance'); write one of these");
  });
});

test.each([[30, 10], [5, 1], [6, 2]])('with a hold of %d seconds a lock is waited for no longer than %d, since others wait behind it', (seconds, wait) => {
  for (const make of [Quiesce.mariaDb, Quiesce.mySql]) {
    expect(scriptOf(make({ maxHold: Duration.seconds(seconds) }))).toContain(`SET SESSION lock_wait_timeout = ${wait};`);
  }
});

test('a server is told to end a session that outlives its hold, should container and client be gone', () => {
  expect(scriptOf(Quiesce.postgreSql({ maxHold: Duration.seconds(60) }))).toContain("set_config(name, '60s', false)");
  expect(scriptOf(Quiesce.postgreSqlBackupMode({ maxHold: Duration.seconds(60) }))).toContain("set_config(name, '60s', false)");
  expect(scriptOf(Quiesce.mariaDb())).toContain('SET SESSION wait_timeout = 30;');
  expect(scriptOf(Quiesce.mySql())).toContain('SET SESSION wait_timeout = 30;');
});

describe('Quiesce.cassandra', () => {
  test('takes no user, which nodetool would not be told', () => {
    expect(synthesized(Quiesce.cassandra({ container: 'cassandra' })).config.container).toBe('cassandra');
    expect(scriptOf(Quiesce.cassandra())).not.toContain('is_primary');
  });
});

describe('Quiesce.fileSystem', () => {
  test('freezes and thaws the path, whatever is in its name', () => {
    const script = scriptOf(Quiesce.fileSystem("/mnt/it's"));
    expect(script).toContain("fsfreeze -f '/mnt/it'\\''s'");
    expect(script).toContain("fsfreeze -u '/mnt/it'\\''s'");
  });

  test.each([
    ['data', "'mountPath': it is no absolute path, got 'data'; allowed a path that begins with /; begin at the root of the container"],
    ['', "'mountPath': it is no absolute path, got ''; "],
    [7, "'mountPath': not text, got 7; "],
  ])('throws for %j', (path, message) => {
    expect(() => Quiesce.fileSystem(path as string)).toThrow(`[Quiesce.fileSystem] ${message}`);
  });
});

describe('Quiesce.custom', () => {
  test('is made of both commands, of any number of lines', () => {
    const script = scriptOf(Quiesce.custom({ quiesce: 'one\ntwo $(three)', release: 'four' }));
    expect(script).toContain("quiesce() {\ntrap 'exit 1' TERM\none\ntwo $(three)\n}\nrelease() (\nfour\n)\n");
  });

  test.each(['quiesce', 'release'])('throws for an empty %s, which is no function for a shell', prop => {
    for (const empty of ['', ' \n ']) {
      expect(() => Quiesce.custom({ quiesce: 'a', release: 'b', [prop]: empty }))
        .toThrow(`[Quiesce.custom] '${prop}': empty, got '${empty}'; allowed shell commands; write : if there is nothing to do`);
    }
    expect(() => Quiesce.custom({ quiesce: 'a', release: 'b', [prop]: undefined } as any)).toThrow(`[Quiesce.custom] '${prop}': not text, got undefined; `);
    expect(() => Quiesce.custom({ quiesce: 'a', release: 'b', [prop]: ['sync'] } as any)).toThrow(`[Quiesce.custom] '${prop}': not text, got ["sync"]; `);
  });

  test('throws without options', () => {
    expect(() => Quiesce.custom(undefined as any)).toThrow("[Quiesce.custom] 'options': not an object, got undefined; ");
  });
});

describe('Quiesce.heldCommand', () => {
  test('is the command as it was written, and no script', () => {
    const command = ['/opt/ledger/hold', '--for', '30s'];
    const quiesce = Quiesce.heldCommand({ command, maxHold: Duration.seconds(40), container: 'ledger' });
    command.push('--force');
    expect(synthesized(quiesce)).toEqual({
      config: { command: ['/opt/ledger/hold', '--for', '30s'], container: 'ledger', attempts: 2, maxHoldSeconds: 40, onFailure: 'Fail' },
      script: undefined,
    });
  });

  test.each<[any, string]>([
    [[], "'command': empty, got []; allowed at least one; write the program with its arguments"],
    [undefined, "'command': not a list, got null; "],
    ['/opt/hold', "'command': not a list, got '/opt/hold'; allowed a list; write it in brackets, also if it is one"],
    [[''], "'command': empty, got ''; allowed words with letters; leave the empty word out"],
    [['/opt/hold', ''], "'command': empty, got ''; "],
    [['/opt/hold', 30], "'command': not text, got 30; allowed a string; write it in quotes"],
  ])('throws for %j', (command, message) => {
    expect(() => Quiesce.heldCommand({ command })).toThrow(`[Quiesce.heldCommand] ${message}`);
  });
});

test('one object serves several schedules, each with the pods of its own source', () => {
  const quiesce = Quiesce.mariaDb();
  const chart = newChart();
  const set = statefulSet(chart, { replicas: 2 });
  schedule(chart, { metadata: { name: 'known' }, source: SnapshotSource.fromStatefulSet(set), quiesce }, 'Known');
  schedule(chart, { metadata: { name: 'unknown' }, quiesce }, 'Unknown');
  expect([configOf(chart, 'known').quiesce.podNames, configOf(chart, 'unknown').quiesce.podNames]).toEqual([['postgres-0', 'postgres-1'], undefined]);
});
