import { VirtualClock } from './fake-api-server';
import { ExecEnd, ExecSession } from '../../src/runner/exec';

/** A database in a pod, and the command that quiesces it. */
export class FakeApplication {
  frozen = false;
  /** for how long it was frozen in a row at most */
  longest = 0;
  /** milliseconds until it is quiesced */
  quiesceDelay = 50;
  releaseDelay = 10;
  /** what the command says instead of quiescing */
  refusal?: string;
  /** what the command says as its last line, before what it wrote to stderr arrives */
  lastLine?: string;
  /** how often it refuses; always unless told otherwise */
  refusals = Infinity;
  isPrimary = false;
  /** what the command says before it has let go */
  keeps: string[] = [];
  /** the timer in the target, in milliseconds */
  watchdog = 30_000;
  /** whether a session that is lost is seen only by the watchdog, as when the network is gone */
  deaf = false;
  readonly sessions: FakeSession[] = [];
  private since = 0;

  constructor(readonly clock: VirtualClock) {}

  start(command: readonly string[]): FakeSession {
    const session = new FakeSession(this);
    this.sessions.push(session);
    this.clock.after(this.quiesceDelay, () => {
      if (this.isPrimary && command.includes('replica')) {
        session.say('primary');
        return session.finish({ exitCode: 0, message: '' });
      }
      if (this.refusal !== undefined && this.refusals-- > 0) {
        const end = { exitCode: 1, message: this.refusal, said: this.refusal };
        if (this.lastLine === undefined) { return session.finish(end); }
        session.say(this.lastLine);
        return this.clock.after(this.releaseDelay, () => session.finish(end));
      }
      if (session.over) { return; }
      this.frozen = true;
      this.since = this.clock.now();
      session.say('quiesced');
    });
    this.clock.after(this.watchdog, () => {
      if (session.over) { return; }
      this.thaw();
      session.finish({ exitCode: 1, message: 'held for too long' });
    });
    return session;
  }

  /** The application goes on, and a command that was asked to let it go says so. */
  release(session: FakeSession): void {
    this.clock.after(this.releaseDelay, () => {
      if (session.over) { return; }
      this.thaw();
      this.keeps.forEach(line => session.say(line));
      session.say('released');
      session.finish({ exitCode: 0, message: '' });
    });
  }

  /** The database goes down while it is held, and its lock with it. */
  crash(): void {
    this.thaw();
    this.sessions.forEach(session => session.finish({ exitCode: 137, message: 'lost connection to server' }));
  }

  thaw(): void {
    if (this.frozen) { this.longest = Math.max(this.longest, this.clock.now() - this.since); }
    this.frozen = false;
  }
}

export class FakeSession implements ExecSession {
  over = false;
  private readonly lines: string[] = [];
  private readonly waiting: ((line: string | undefined) => void)[] = [];
  private result: ExecEnd = { message: 'the connection broke off' };

  constructor(private readonly application: FakeApplication) {}

  nextLine(): Promise<string | undefined> {
    const line = this.lines.shift();
    if (line !== undefined || this.over) { return Promise.resolve(line); }
    return new Promise(resolve => this.waiting.push(resolve));
  }

  writeLine(line: string): void { if (line === 'release') { this.application.release(this); } }

  end(): ExecEnd { return this.result; }

  close(): void { if (!this.application.deaf) { this.application.release(this); } }

  say(line: string): void {
    const next = this.waiting.shift();
    if (next) { next(line); } else { this.lines.push(line); }
  }

  finish(result: ExecEnd): void {
    if (this.over) { return; }
    this.over = true;
    this.result = result;
    this.waiting.splice(0).forEach(resolve => resolve(undefined));
  }

  /** The connection is gone for the runner; the command notices the end of its input, unless the network is gone. */
  cut(): void {
    this.waiting.splice(0).forEach(resolve => resolve(undefined));
    this.close();
  }
}
