/* eslint-disable no-bitwise */
import { createHash, randomBytes } from 'node:crypto';

/**
 * The frames of RFC 6455, as far as the exec subresource needs them. Node's own WebSocket
 * does not tell why a server refuses, takes a third of the memory of a run again, and
 * needs a compiler at run time.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
const CONTINUATION = 0;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const FINAL = 0x80;
const MASKED = 0x80;
const LONG = 126;
const VERY_LONG = 127;

/** Headers that ask for the protocol, and what the server must answer. */
export function handshake(protocol: string): { headers: { [name: string]: string }; accept: string } {
  const key = randomBytes(16).toString('base64');
  return {
    headers: {
      'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key, 'sec-websocket-protocol': protocol,
    },
    accept: createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'),
  };
}

/** A message of a client, in one frame. */
export function binaryFrame(payload: Uint8Array): Buffer { return frame(BINARY, payload); }

export function closeFrame(): Buffer { return frame(CLOSE, Buffer.alloc(0)); }

function frame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const mask = randomBytes(4);
  const masked = Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]));
  return Buffer.concat([Buffer.from([FINAL | opcode]), lengthOf(length), mask, masked]);
}

function lengthOf(length: number): Buffer {
  if (length < LONG) { return Buffer.from([MASKED | length]); }
  const long = Buffer.alloc(3);
  long[0] = MASKED | LONG;
  // what a client has to say is short
  long.writeUInt16BE(length, 1);
  return long;
}

/**
 * Makes messages of what comes from a server, in whatever pieces: `push` takes in some bytes, and is false when the server has closed; `answer` is called
 * with what must be sent back.
 */
export class FrameReader {
  private buffer = Buffer.alloc(0);
  private fragments: Buffer[] = [];

  constructor(private readonly onMessage: (message: Buffer) => void, private readonly answer: (frame: Buffer) => void) {}

  push(chunk: Buffer): boolean {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    for (;;) {
      const header = readHeader(this.buffer);
      if (!header || this.buffer.length < header.end) { return true; }
      const payload = this.buffer.subarray(header.start, header.end);
      this.buffer = this.buffer.subarray(header.end);
      if (header.opcode === CLOSE) { return false; }
      this.take(header, payload);
    }
  }

  private take({ opcode, final }: Header, payload: Buffer): void {
    if (opcode === PING) { this.answer(frame(PONG, payload)); }
    // text frames carry no channel, so nobody sends them
    if (opcode !== BINARY && opcode !== CONTINUATION) { return; }
    this.fragments.push(payload);
    if (!final) { return; }
    this.onMessage(Buffer.concat(this.fragments));
    this.fragments = [];
  }
}

interface Header {
  readonly opcode: number;
  readonly final: boolean;
  /** where the payload begins and ends */
  readonly start: number;
  readonly end: number;
}

function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length < 2) { return undefined; }
  const [first, second] = bytes;
  const short = second & 0x7f;
  const start = 2 + (short === LONG ? 2 : short === VERY_LONG ? 8 : 0);
  if (bytes.length < start) { return undefined; }
  const length = short === LONG ? bytes.readUInt16BE(2) : short === VERY_LONG ? Number(bytes.readBigUInt64BE(2)) : short;
  return { opcode: first & 0x0f, final: (first & FINAL) !== 0, start, end: start + length };
}
