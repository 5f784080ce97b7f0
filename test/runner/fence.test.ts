import { FakeApiServer, FakePod } from './fake-api-server';
import { Fence, probeFence } from '../../src/runner/fence';
import { ApiError, ConnectionError, KubeClient } from '../../src/runner/kube-client';

/** What is found where the server answers like this, one content after the other. */
async function probed(...answers: (number | 'ok' | Error)[]): Promise<{ fence: Fence; asked: number }> {
  let asked = 0;
  const client = new FakePod(new FakeApiServer()) as KubeClient;
  client.request = async request => {
    expect(request.query).toEqual({ dryRun: 'All' });
    const answer = answers[asked];
    asked += 1;
    if (answer instanceof Error) { throw answer; }
    if (typeof answer === 'number') { throw new ApiError(answer, 'no'); }
  };
  const contents = answers.map((_, index) => `content-${index}`);
  return { fence: await probeFence(client, contents, new AbortController().signal), asked };
}

test.each<[string, (number | 'ok')[], Fence, number]>([
  ['a policy refuses', [422, 'ok'], 'Fenced', 1],
  ['nobody refuses', ['ok', 422], 'Open', 1],
  ['the right is missing', [403], 'Forbidden', 1],
  ['the first content was removed', [404, 404, 422], 'Fenced', 3],
  ['there is no content', [], 'Unknown', 0],
  ['all contents were removed, of which a few are asked about', Array(20).fill(404), 'Unknown', 5],
])('if %s', async (_, answers, fence, asked) => {
  expect(await probed(...answers)).toEqual({ fence, asked });
});

test('no answer is no statement about the fence', async () => {
  await expect(probed(new ConnectionError('ECONNRESET'))).rejects.toThrow('ECONNRESET');
  await expect(probed(new ApiError(400, 'dryRun is not supported'))).rejects.toThrow('dryRun is not supported');
});
