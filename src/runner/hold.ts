import { KEY_PREFIX, KEYS, QuiesceConfig } from './config';
import { ExecSession } from './exec';
import { KubeClient } from './kube-client';

/**
 * What a quiesce command says, a line each: `quiesced` when the application writes no more,
 * `released` when it writes again and was still held until it was asked to let go. It lets go
 * at a line of input, at the end of its input, or when its time is up, whichever comes first.
 * Asked for a replica, it says `primary` if it is none. Before the last word it may say
 * `keep NAME BASE64`: a text that a restore needs, which becomes an annotation of the snapshots.
 */
const QUIESCED = 'quiesced';
const RELEASED = 'released';
const PRIMARY = 'primary';
const KEEP = /^keep ([a-z0-9-]{1,40}) ([A-Za-z0-9+/=]{0,8000})$/;
/** What a container says must not hold its snapshots for ever, nor let them go. */
const RESERVED: ReadonlySet<string> = new Set(Object.values(KEYS));

/** What a command may take to say that its time is up. */
const ANSWERS_WITHIN = 5_000;

/** What a command writes to stderr takes another way than its lines, and may come after the line that says that it failed; in milliseconds. */
const LAST_WORDS_WITHIN = 1_000;

/** An application could not be quiesced, or did not stay so until the cut. */
export class QuiesceError extends Error {}

/** A pod was asked for as a replica, and is the primary. */
export class PrimaryError extends QuiesceError {}

/** The last word of a command, and what it wants to be kept. */
interface Answer {
  readonly word?: string;
  readonly kept: { [name: string]: string };
}

/** The command in one pod. */
interface Session {
  readonly pod: string;
  readonly exec: ExecSession;
  readonly released: Promise<Answer>;
}

/**
 * Pods whose application is held, in one session each. `begin` quiesces all of them, or none; `kept` are texts that a restore needs, by name, known when
 * they are released; `held` is for how long they have been quiesced, and `left` how long the timers in the targets go on, in milliseconds; `lost` ends when
 * one of them is held no more, though nobody asked it to let go; `release` lets all of them go, and returns why they may not have been held until then, if so.
 */
export class Hold {
  static async begin(client: KubeClient, namespace: string, pods: readonly string[], config: QuiesceConfig, signal: AbortSignal): Promise<Hold> {
    const begunAt = client.elapsed();
    const begun = await Promise.allSettled(pods.map(pod => quiesce(client, namespace, pod, config, signal)));
    const sessions = begun.flatMap(each => (each.status === 'fulfilled' ? [each.value] : []));
    const hold = new Hold(client, sessions, begunAt, client.elapsed(), config.maxHoldSeconds);
    const failed = begun.find(each => each.status === 'rejected');
    if (failed) {
      await hold.release();
      throw failed.reason;
    }
    return hold;
  }

  readonly kept: { [name: string]: string } = {};

  private constructor(
    private readonly client: KubeClient,
    private readonly sessions: readonly Session[],
    /** when the first command was started: from then on counts the timer in the target */
    private readonly begunAt: number,
    /** when the last of them said that it is quiesced */
    private readonly since: number,
    private readonly maxHoldSeconds: number,
  ) {}

  held(): number { return Math.round(this.client.elapsed() - this.since); }

  left(): number { return Math.max(0, this.begunAt + this.maxHoldSeconds * 1000 - this.client.elapsed()); }

  async lost(): Promise<void> { await Promise.race(this.sessions.map(({ released }) => released)); }

  async release(): Promise<string | undefined> {
    const reasons = await Promise.all(this.sessions.map(async ({ pod, exec, released }) => {
      exec.writeLine('release');
      const { word, kept } = await within(this.client, released, this.left() + ANSWERS_WITHIN);
      const reason = word === RELEASED ? undefined : await reasonOf(this.client, word, exec);
      exec.close();
      Object.assign(this.kept, kept);
      return reason && `the application in pod '${pod}' did not stay quiesced: ${reason}`;
    }));
    return reasons.find(reason => reason !== undefined);
  }
}

async function quiesce(client: KubeClient, namespace: string, pod: string, config: QuiesceConfig, signal: AbortSignal): Promise<Session> {
  const command = [...config.command, ...config.on === undefined ? [] : ['replica']];
  const exec = await client.exec({ namespace, pod, container: config.container, command }, signal);
  const latest = config.maxHoldSeconds * 1000 + ANSWERS_WITHIN;
  const { word } = await within(client, answerOf(exec), latest, signal).catch(error => { exec.close(); throw error; });
  if (word === QUIESCED) { return { pod, exec, released: answerOf(exec) }; }
  // should it be quiesced only now, it is let go
  exec.writeLine('release');
  const reason = await reasonOf(client, word, exec);
  exec.close();
  if (word === PRIMARY) { throw new PrimaryError(`the application in pod '${pod}' is the primary, and only a replica may be held`); }
  throw new QuiesceError(`the application in pod '${pod}' was not quiesced: ${reason}`);
}

/** The last word, with what was written to stderr, which may say why. */
async function reasonOf(client: KubeClient, word: string | undefined, exec: ExecSession): Promise<string> {
  if (word !== undefined) { await within(client, endOf(exec), LAST_WORDS_WITHIN); }
  const { message, said } = exec.end();
  return word === undefined ? message : [word, said].filter(Boolean).join(': ');
}

async function endOf(exec: ExecSession): Promise<Answer> {
  while (await exec.nextLine() !== undefined) { /* nothing that is said now matters */ }
  return { kept: {} };
}

async function answerOf(exec: ExecSession): Promise<Answer> {
  const kept: Answer['kept'] = {};
  for (;;) {
    const line = await exec.nextLine();
    const [, name, text] = KEEP.exec(line ?? '') ?? [];
    if (name === undefined || RESERVED.has(KEY_PREFIX + name)) { return { word: line, kept }; }
    kept[name] = Buffer.from(text, 'base64').toString('utf8');
  }
}

/** What comes in time; after that, a word that says that nothing came. */
async function within(client: KubeClient, answer: Promise<Answer>, milliseconds: number, signal?: AbortSignal): Promise<Answer> {
  const over = new AbortController();
  const timer = client.sleep(milliseconds, AbortSignal.any(signal ? [over.signal, signal] : [over.signal]));
  try {
    return await Promise.race([answer, timer.then(() => ({ word: `no answer within ${Math.round(milliseconds / 1000)} s`, kept: {} }))]);
  } finally {
    over.abort();
    timer.catch(() => undefined);
  }
}
