import { FrameSession } from '../../src/runner/exec';

function session() {
  const sent: Buffer[] = [];
  let closed = false;
  const made = new FrameSession({ send: frame => { sent.push(Buffer.from(frame)); }, close: () => { closed = true; } });
  const on = (channel: number) => (text: string) => made.receive(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
  return { made, sent, isClosed: () => closed, stdout: on(1), stderr: on(2), status: (status: object) => on(3)(JSON.stringify(status)) };
}

test('lines come one by one, in whatever pieces they are sent, also letters of several bytes', async () => {
  const { made, stdout } = session();
  const first = made.nextLine();
  stdout('qui');
  stdout('esced\nre');
  stdout('leased\n');
  made.receive(Buffer.concat([Buffer.from([1]), Buffer.from('ä\n').subarray(0, 1)]));
  made.receive(Buffer.concat([Buffer.from([1]), Buffer.from('ä\n').subarray(1)]));
  expect([await first, await made.nextLine(), await made.nextLine()]).toEqual(['quiesced', 'released', 'ä']);
});

test('there is no line any more when it is over, and who waits is told', async () => {
  const { made, stdout } = session();
  stdout('last\nwithout an end');
  made.finish();
  expect([await made.nextLine(), await made.nextLine()]).toEqual(['last', undefined]);
  const other = session();
  const waiting = other.made.nextLine();
  other.made.finish();
  await expect(waiting).resolves.toBeUndefined();
});

test('a line goes to its input, and closing ends that', () => {
  const { made, sent, isClosed } = session();
  made.writeLine('release');
  made.close();
  expect(sent).toEqual([Buffer.concat([Buffer.from([0]), Buffer.from('release\n')]), Buffer.from([255, 0])]);
  expect(isClosed()).toBe(true);
});

test('nothing is sent when it is over', () => {
  const { made, sent } = session();
  made.finish();
  made.writeLine('release');
  made.close();
  expect(sent).toEqual([]);
});

describe('how it ended', () => {
  test('is a success', () => {
    const { made, status } = session();
    status({ status: 'Success' });
    made.finish();
    expect(made.end()).toMatchObject({ exitCode: 0 });
  });

  test('is an exit code, and the end of what it wrote to stderr', () => {
    const { made, status, stderr } = session();
    stderr('x'.repeat(2000));
    stderr('ERROR 1045: Access denied\n');
    status({ status: 'Failure', message: 'command terminated with exit code 3', details: { causes: [{ reason: 'ExitCode', message: '3' }] } });
    made.finish();
    expect(made.end().exitCode).toBe(3);
    expect(made.end().message).toMatch(/^x{470,500}ERROR 1045: Access denied$/);
  });

  test('is what the server says, where the command said nothing', () => {
    const { made, status } = session();
    status({ status: 'Failure', message: 'container not found ("db")' });
    made.finish();
    expect(made.end()).toEqual({ exitCode: 1, message: 'container not found ("db")' });
  });

  test('is not known where the connection broke', () => {
    const { made } = session();
    made.finish('the connection broke off: ECONNRESET');
    expect(made.end()).toEqual({ exitCode: undefined, message: 'the connection broke off: ECONNRESET' });
  });
});
