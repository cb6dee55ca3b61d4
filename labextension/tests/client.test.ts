import { describe, expect, it } from 'vitest';

import { Client, RequestError } from '../src/client';
import { asked, type Handler, json, settings } from './wire';

const problem = { stage: 'kubernetes', message: 'The namespace is full', hint: 'Ask for more quota.' };

async function failure(handler: Handler): Promise<RequestError> {
  const error: unknown = await new Client(settings(handler)).capabilities().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RequestError);
  return error as RequestError;
}

describe('a request', () => {
  it('goes below the base URL with its token, escaped parts and query', async () => {
    const seen: Request[] = [];
    const client = new Client(
      settings(request => {
        seen.push(request);
        return json({});
      })
    );
    await client.run('a/../b', { notebook: 'my notes/é?.ipynb', target: '' });
    await client.request('GET', 'state', { query: { topic: ['a', 'b'], since: 0, left: undefined } });
    expect(seen.map(request => asked(request.url))).toEqual([
      'http://localhost:8888/user/ann/nbcontainer/api/runs/a%2F..%2Fb?notebook=my+notes%2F%C3%A9%3F.ipynb&target=',
      'http://localhost:8888/user/ann/nbcontainer/api/state?topic=a&topic=b&since=0'
    ]);
    expect(seen[0]?.headers.get('Authorization')).toBe('token se cret');
  });

  it('sends JSON', async () => {
    let body: unknown;
    let sent: Request | undefined;
    const client = new Client(
      settings(async request => {
        sent = request;
        body = await request.json();
        return json({ name: 'x' });
      })
    );
    expect(await client.scaleRun('web', 5)).toEqual({ name: 'x' });
    expect([sent?.method, sent?.headers.get('Content-Type'), body]).toEqual(['POST', 'application/json', { replicas: 5 }]);
  });
});

describe('a failure', () => {
  it("is the server's own words", async () => {
    const error = await failure(() => json({ error: problem, message: 'one line' }, 502));
    expect(error.status).toBe(502);
    expect(error.problem).toEqual(problem);
  });

  it('is of the stage "server" when nobody answers', async () => {
    const error = await failure(() => {
      throw new TypeError('Failed to fetch');
    });
    expect([error.status, error.stage]).toEqual([0, 'server']);
    expect(error.message).toContain('does not answer');
  });

  it('says what to do when the extension is off or the login is over', async () => {
    const off = await failure(() => new Response('<html>404</html>', { status: 404, statusText: 'Not Found' }));
    expect(off.message).toBe('404 Not Found');
    expect(off.hint).toContain('jupyter server extension list');
    const out = await failure(() => json({ message: 'Forbidden', reason: null }, 403));
    expect([out.status, out.hint]).toEqual([403, 'Reload the page to log in again.']);
  });

  it('is told when something else answers in the place of the server', async () => {
    const error = await failure(() => new Response('<html>log in</html>'));
    expect(error.message).toBe('The answer is not JSON');
  });

  it('is an AbortError when the caller gave up', async () => {
    const given = new AbortController();
    const client = new Client(
      settings(request => {
        given.abort();
        expect(request.signal.aborted).toBe(true);
        throw request.signal.reason;
      })
    );
    await expect(client.tasks(given.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
