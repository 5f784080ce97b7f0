import { quoted } from './quiesce-scripts';
import { unexpanded } from './runner-pod';

/** What a query is compared with. */
export interface Limits {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface DatabaseQuery extends Limits {
  readonly query: string;
  readonly database?: string;
  readonly user?: string;
}

const SAY = `set -u
say() { echo "$*"; echo "$*" > /dev/termination-log; }
`;

/** How to ask a server by the socket that it shares with the check; its password is where its image has it. */
const CLIENTS = {
  PostgreSql: ({ database = 'postgres', user }: DatabaseQuery) => `export PGPASSWORD="\${POSTGRES_PASSWORD:-\${POSTGRESQL_PASSWORD:-}}"
sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h /drill -U ${user === undefined ? '"${POSTGRES_USER:-${POSTGRESQL_USERNAME:-postgres}}"' : quoted(user)} -d ${quoted(database)} -c "$1"; }
yes=t
`,
  MySql: ({ database, user = 'root' }: DatabaseQuery) => `export MYSQL_PWD="\${MARIADB_ROOT_PASSWORD:-\${MYSQL_ROOT_PASSWORD:-}}"
client=mariadb
command -v mariadb >/dev/null || client=mysql
sql() { $client -N -B --socket=/drill/mysqld.sock -u ${quoted(user)} -e "$1"${database === undefined ? '' : ` ${quoted(database)}`}; }
yes=1
`,
};

/** Waits for the server, asks it, and compares by its own arithmetic. */
export function databaseCheck(kind: keyof typeof CLIENTS, query: DatabaseQuery): string[] {
  return shell(`${SAY}${CLIENTS[kind](query)}until sql 'SELECT 1' >/dev/null 2>&1; do sleep 1; done
value=$(sql ${quoted(query.query)} 2>&1) || { say "the query failed: $value"; exit 1; }
case $value in ''|*[!0-9.-]*) say "the query gave '$value', which is no number"; exit 1;; esac
${compare(query, (operator, limit) => `[ "$(sql "SELECT $value ${operator} ${limit}")" = "$yes" ]`)}say "the query gave $value"
`);
}

export function redisCheck({ command, ...limits }: Limits & { readonly command: string }): string[] {
  const whole = (operator: string) => (operator === '>=' ? '-ge' : '-le');
  return shell(`${SAY}[ -z "\${REDIS_PASSWORD:-}" ] || export REDISCLI_AUTH="$REDIS_PASSWORD"
ask() { redis-cli -s /drill/redis.sock "$@" 2>&1; }
until [ "$(ask PING)" = PONG ]; do sleep 1; done
value=$(ask ${command})
case $value in ''|*[!0-9-]*) say "the answer was '$value', which is no whole number"; exit 1;; esac
${compare(limits, (operator, limit) => `[ "$value" ${whole(operator)} ${Math.trunc(limit)} ]`)}say "the answer was $value"
`);
}

function compare({ atLeast, atMost }: Limits, holds: (operator: string, limit: number) => string): string {
  const line = (operator: string, limit: number | undefined, words: string) =>
    (limit === undefined ? '' : `${holds(operator, limit)} || { say "it gave $value, and must give ${words} ${limit}"; exit 1; }\n`);
  return line('>=', atLeast, 'at least') + line('<=', atMost, 'at most');
}

function shell(script: string): string[] { return ['sh', '-c', unexpanded(script)]; }
