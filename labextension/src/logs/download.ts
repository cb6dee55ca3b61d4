// A whole log as a file of the browser's. Fetched as all requests are, so that it works with a token as with a cookie;
// the browser keeps it outside of the page's own memory.

import { ServerConnection } from '@jupyterlab/services';

import type { Client } from '../client';

const LATER = 60_000; // ms in which a browser surely began to save it

export async function download(client: Client, log: string, name: string): Promise<void> {
  const { serverSettings } = client;
  const response = await ServerConnection.makeRequest(client.logDownloadUrl(log), {}, serverSettings);
  if (!response.ok) {
    throw await ServerConnection.ResponseError.create(response);
  }
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), LATER);
}
