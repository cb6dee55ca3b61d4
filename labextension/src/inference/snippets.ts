// Lines to copy that call the service from elsewhere on the server's machine: for a shell and for Python.
// Pure; they do what the form does.

/** For a POSIX shell. */
export function curl(url: string, body: unknown): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  return `curl -sS -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))} ${quoted(url)}`;
}

/** Python's standard library is enough. */
export function python(url: string, body: unknown): string {
  return [
    'import json, urllib.request',
    `body = ${literal(body)}`,
    `request = urllib.request.Request(${JSON.stringify(url)}, json.dumps(body).encode(), {"content-type": "application/json"})`,
    'print(json.load(urllib.request.urlopen(request)))'
  ].join('\n');
}

/** A JSON value as Python writes it. */
export function literal(value: unknown): string {
  if (value === null || value === undefined) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (Array.isArray(value)) {
    return `[${value.map(literal).join(', ')}]`;
  }
  if (typeof value === 'object') {
    const items = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`);
    return `{${items.join(', ')}}`;
  }
  return JSON.stringify(value);
}
