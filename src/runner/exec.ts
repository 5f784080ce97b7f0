/** A command that runs in a container, for as long as both sides keep the connection. */
export interface ExecSession {
  /** the next line of its output; undefined when there is no more, since it ended or the connection broke */
  nextLine(): Promise<string | undefined>;
  /** gives it a line to read */
  writeLine(line: string): void;
  /** how it ended, once there are no more lines */
  end(): ExecEnd;
  /** ends its input, and the connection */
  close(): void;
}

export interface ExecEnd {
  /** absent if nobody said, since the connection broke */
  readonly exitCode?: number;
  /** the end of what it wrote to stderr, or what broke the connection */
  readonly message: string;
  /** the end of what it wrote to stderr until now, if it did */
  readonly said?: string;
}

/** The protocol of the exec subresource: each frame begins with the number of its channel. */
export const EXEC_PROTOCOL = 'v5.channel.k8s.io';
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const STATUS = 3;
const CLOSE = 255;

/** What carries the frames. */
export interface FrameSocket {
  send(frame: Uint8Array): void;
  close(): void;
}

/** So much of stderr is kept. */
const LONGEST_MESSAGE = 500;

/** Makes lines and an end of the frames of a connection: `receive` takes one in, and after `finish` none will come any more. */
export class FrameSession implements ExecSession {
  private readonly lines: string[] = [];
  private readonly waiting: ((line: string | undefined) => void)[] = [];
  private readonly decoder = new TextDecoder();
  private rest = '';
  private stderr = '';
  private status?: { exitCode: number; message: string };
  private over = false;
  private broken = 'the connection broke off';

  constructor(private readonly socket: FrameSocket) {}

  nextLine(): Promise<string | undefined> {
    const line = this.lines.shift();
    if (line !== undefined || this.over) { return Promise.resolve(line); }
    return new Promise(resolve => this.waiting.push(resolve));
  }

  writeLine(line: string): void {
    if (!this.over) { this.socket.send(Buffer.concat([Buffer.from([STDIN]), Buffer.from(`${line}\n`)])); }
  }

  end(): ExecEnd {
    const said = this.stderr.trim();
    return { exitCode: this.status?.exitCode, message: said || this.status?.message || this.broken, ...said && { said } };
  }

  close(): void {
    if (!this.over) { this.socket.send(Uint8Array.from([CLOSE, STDIN])); }
    this.socket.close();
  }

  receive(frame: Uint8Array): void {
    const [channel, bytes] = [frame[0], frame.subarray(1)];
    if (channel === STDOUT) { this.takeIn(this.decoder.decode(bytes, { stream: true })); }
    if (channel === STDERR) { this.stderr = (this.stderr + Buffer.from(bytes).toString('utf8')).slice(-LONGEST_MESSAGE); }
    if (channel === STATUS) { this.status = readStatus(Buffer.from(bytes).toString('utf8')); }
  }

  finish(reason?: string): void {
    if (this.over) { return; }
    this.over = true;
    this.broken = reason ?? this.broken;
    this.waiting.splice(0).forEach(resolve => resolve(undefined));
  }

  private takeIn(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const next = this.waiting.shift();
      if (next) { next(line); } else { this.lines.push(line); }
    }
  }
}

/** A Status object: Success, or a Failure whose details name the exit code. */
function readStatus(text: string): { exitCode: number; message: string } {
  let answer: any = {};
  try { answer = JSON.parse(text); } catch { /* what cannot be read is no success */ }
  const { status, message = text, details } = answer;
  const code = details?.causes?.find((cause: any) => cause.reason === 'ExitCode')?.message;
  return { exitCode: status === 'Success' ? 0 : Number(code ?? 1), message };
}

