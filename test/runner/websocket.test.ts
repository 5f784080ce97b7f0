/* eslint-disable no-bitwise */
import { createHash } from 'node:crypto';
import { binaryFrame, closeFrame, FrameReader, handshake } from '../../src/runner/websocket';

/** A frame as a server sends it: not masked. */
function fromServer(opcode: number, payload: Buffer, final = true): Buffer {
  const { length } = payload;
  const head = length < 126 ? Buffer.from([length]) : length < 65_536 ? Buffer.from([126, length >> 8, length & 255]) : Buffer.alloc(9);
  if (length >= 65_536) { head[0] = 127; head.writeBigUInt64BE(BigInt(length), 1); }
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode]), head, payload]);
}

/** What a client's frame says, taken off its mask. */
function unmask(frame: Buffer): { opcode: number; payload: Buffer } {
  expect(frame[1] & 0x80).toBe(0x80);
  const start = (frame[1] & 0x7f) === 126 ? 4 : 2;
  const mask = frame.subarray(start, start + 4);
  return { opcode: frame[0] & 0x0f, payload: Buffer.from(frame.subarray(start + 4).map((byte, index) => byte ^ mask[index % 4])) };
}

function read(...chunks: Buffer[]): { messages: string[]; answers: Buffer[]; open: boolean } {
  const seen = { messages: [] as string[], answers: [] as Buffer[], open: true };
  const reader = new FrameReader(message => seen.messages.push(message.toString()), frame => seen.answers.push(frame));
  for (const chunk of chunks) { seen.open = reader.push(chunk); }
  return seen;
}

test('a handshake asks for the protocol, and knows what a server that speaks it answers', () => {
  const { headers, accept } = handshake('v5.channel.k8s.io');
  expect(headers).toMatchObject({ 'connection': 'Upgrade', 'upgrade': 'websocket', 'sec-websocket-version': '13', 'sec-websocket-protocol': 'v5.channel.k8s.io' });
  expect(accept).toBe(createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'));
  expect(handshake('x').headers['sec-websocket-key']).not.toBe(headers['sec-websocket-key']);
});

test.each([0, 1, 125, 126, 127, 60_000])('what a client says is masked, as servers demand: %d bytes', length => {
  const payload = Buffer.alloc(length, 'ab');
  expect(unmask(binaryFrame(payload))).toEqual({ opcode: 2, payload });
});

test.each([0, 1, 125, 126, 65_535, 65_536, 200_000])('what a server says is read, whatever its length: %d bytes', length => {
  const payload = Buffer.alloc(length, 'ab');
  expect(read(fromServer(2, payload)).messages).toEqual([payload.toString()]);
});

test('it is read in whatever pieces the network brings it, and several at once', () => {
  const bytes = Buffer.concat([fromServer(2, Buffer.from('one')), fromServer(2, Buffer.alloc(300, 'x')), fromServer(2, Buffer.from('three'))]);
  const expected = ['one', 'x'.repeat(300), 'three'];
  expect(read(bytes).messages).toEqual(expected);
  expect(read(...[...bytes].map(byte => Buffer.from([byte]))).messages).toEqual(expected);
});

test('a message in several frames is one, also with a ping in between, which is answered', () => {
  const { messages, answers } = read(
    fromServer(2, Buffer.from('he'), false), fromServer(9, Buffer.from('alive?')), fromServer(0, Buffer.from('ll'), false), fromServer(0, Buffer.from('o')),
  );
  expect(messages).toEqual(['hello']);
  expect(answers.map(unmask)).toEqual([{ opcode: 10, payload: Buffer.from('alive?') }]);
});

test('a close ends it, and is said likewise', () => {
  expect(read(fromServer(2, Buffer.from('a')), fromServer(8, Buffer.alloc(0)))).toMatchObject({ messages: ['a'], open: false });
  expect(unmask(closeFrame())).toEqual({ opcode: 8, payload: Buffer.alloc(0) });
});
