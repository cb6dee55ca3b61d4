// JSON text laid out to be read, its numbers and strings as they were sent: parsing would change long ones.
// Pure. What is not JSON, or is very long, stays as it is.

const LONGEST = 300_000;
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

export function pretty(body: string): string {
  if (body.length > LONGEST || !isJson(body)) {
    return body;
  }
  let depth = 0;
  let made = '';
  let before = '';
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [token] of body.matchAll(TOKENS)) {
    if (token === '}' || token === ']') {
      depth -= 1;
      made += before === '{' || before === '[' ? token : line() + token;
    } else {
      made += (before === '{' || before === '[' || before === ',' ? line() : before === ':' ? ' ' : '') + token;
      depth += token === '{' || token === '[' ? 1 : 0;
    }
    before = token;
  }
  return made;
}

function isJson(body: string): boolean {
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
