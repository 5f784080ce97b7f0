import { Duration } from 'cdk8s';
import { eventually, kubectl } from '../cluster';
import { POSTGRES, shell } from '../databases';
import { CloneLab } from './clone-lab';
import { CloneContainer } from 'cdk8s-volume-snapshots';

const lab = new CloneLab('e2e-masked-pg');

test('PostgreSQL is masked by SQL, checked by SQL, and staging starts on what came of it; an unknown column is refused', async () => {
  await lab.begin(POSTGRES, '/data');
  const sql = (namespace: string, pod: string, statement: string) => shell(namespace, pod, `psql -U postgres -qtAc "${statement}"`);
  await eventually('the database answers', 60, () => sql(lab.source, 'data', 'SELECT 1') === '1');
  sql(lab.source, 'data', "CREATE TABLE users AS SELECT id, 'person' || id || '@example.com' AS email FROM generate_series(1, 10000) AS id");
  await lab.take();
  const user = Number(shell(lab.source, 'data', 'stat -c %u /data/pg'));
  const server = (statement: string) => [
    'export PGDATA=/data/data/pg',
    "pg_ctl -w -s -o '-c listen_addresses= -c unix_socket_directories=/tmp -c archive_mode=off' start >/dev/null",
    'sql() { psql -h /tmp -U postgres -qtA -v ON_ERROR_STOP=1 -c "$1"; }',
    statement,
    'pg_ctl -w -s stop',
  ].join('\n');
  const postgres = (statement: string): CloneContainer => ({ image: 'postgres:15', command: ['sh', '-ec', server(statement)] });
  lab.clone('postgres', chart => ({
    timeout: Duration.minutes(3),
    masking: {
      mask: postgres(`
        sql "UPDATE users SET email = 'user' || id || '@invalid'"
        # what was updated is still in the old rows
        sql "VACUUM FULL users"`),
      check: postgres(`
        left=$(sql "SELECT count(*) FROM users WHERE email NOT LIKE '%@invalid'")
        [ "$left" = 0 ] || { echo "$left rows of users are not masked"; exit 1; }
        known="email id"
        columns=$(sql "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.columns WHERE table_name = 'users'")
        [ "$columns" = "$known" ] || { echo "users has other columns than the mask knows: $columns"; exit 1; }`),
      snapshotClass: lab.classIn(chart),
      securityContext: { user },
    },
  }));
  expect(await lab.run('postgres')).toMatchObject({ exitCode: 0, message: expect.stringContaining('masked and checked') });
  const [claimName] = lab.clones('postgres');
  const spec = { containers: [{ name: 'db', ...POSTGRES, volumeMounts: [{ name: 'v', mountPath: '/data' }] }], volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] };
  kubectl(['-n', lab.target, 'create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'app' }, spec: { ...spec, terminationGracePeriodSeconds: 0 } }));
  await eventually('staging answers', 90, () => sql(lab.target, 'app', 'SELECT 1') === '1');
  expect(sql(lab.target, 'app', "SELECT count(*) || ' ' || count(*) FILTER (WHERE email LIKE '%example.com') FROM users")).toBe('10000 0');
  lab.drop('app');

  // a column that nobody thought of
  sql(lab.source, 'data', "ALTER TABLE users ADD phone text DEFAULT '+49 30 1234'");
  await lab.take();
  expect(await lab.run('postgres')).toMatchObject({ exitCode: 1, message: expect.stringContaining('users has other columns than the mask knows: email id phone') });
  expect(lab.clones('postgres')).toEqual([claimName]);
  await lab.cleanUp();
});
