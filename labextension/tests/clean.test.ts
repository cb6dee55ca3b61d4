import { describe, expect, it } from 'vitest';

import { clean, marked, plain } from '../src/logs/clean';

const ESC = '\u001b';

describe('a line as a terminal leaves it', () => {
  it.each([
    ['plain text', 'plain text'],
    ['a\tb', 'a\tb'],
    [`${ESC}[31mred${ESC}[0m and ${ESC}[1;38;5;196mmore${ESC}[m`, 'red and more'],
    ['10%\r50%\r100%', '100%'],
    ['100%\r', '100%'],
    ['a windows line\r\r', 'a windows line'],
    [`${ESC}[2K${ESC}[1Gdone`, 'done'],
    [`${ESC}]0;a title\u0007text`, 'text'],
    [`${ESC}]8;;https://example.org${ESC}\\link${ESC}]8;;${ESC}\\`, 'link'],
    [`${ESC}(Bplain`, 'plain'],
    ['bell \u0007, null \u0000, delete \u007f', 'bell \u2407, null \u2400, delete \u2421'],
    ['c1 \u0085 and \u009b', 'c1 \\u0085 and \\u009b'],
    ['turned \u202etxet\u202c', 'turned \\u202etxet\\u202c'],
    ['two\u2028lines', 'two\\u2028lines'],
    [`broken ${ESC}[31`, 'broken \u241b[31'],
    [`open ${ESC}]0;title without an end`, 'open \u241b]0;title without an end'],
    ['<script>alert(1)</script><img src=x onerror=alert(1)>', '<script>alert(1)</script><img src=x onerror=alert(1)>'],
    ['日本語 🚀 é', '日本語 🚀 é'],
    ['', '']
  ])('%j', (line, shown) => {
    expect(plain(line)).toBe(shown);
  });

  it('keeps colours as class names of its own, whatever the numbers', () => {
    expect(clean(`a${ESC}[1;31mb${ESC}[22mc${ESC}[39md`)).toEqual([
      { text: 'a', style: '' },
      { text: 'b', style: 'nbc-ansi-1 nbc-ansi-bold' },
      { text: 'c', style: 'nbc-ansi-1' },
      { text: 'd', style: '' }
    ]);
    expect(clean(`${ESC}[38;2;1;31;4mx${ESC}[99999999999;;4294967297my`)).toEqual([{ text: 'xy', style: '' }]);
  });

  it('takes no longer for what is made to be slow', () => {
    const long = 1 << 20;
    const hostile = [
      `${ESC}[`.repeat(long / 2),
      `${ESC}]`.repeat(long / 2),
      ESC + '[' + '1;'.repeat(long / 2),
      ESC + '[' + ' '.repeat(long),
      ESC + ']' + 'a'.repeat(long),
      '\r'.repeat(long),
      '\u0000'.repeat(long),
      `${ESC}[31m\u202e`.repeat(long / 6)
    ];
    for (const line of hostile) {
      const began = performance.now();
      // eslint-disable-next-line no-control-regex
      expect(plain(line)).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202e]/);
      expect(performance.now() - began).toBeLessThan(3000);
    }
  });
});

describe('what a search found', () => {
  const text = (pieces: ReturnType<typeof marked>) => pieces.map(piece => (piece.hit ? `[${piece.text}]` : piece.text)).join('');

  it.each([
    ['loss 0.5, Loss 0.4', 'loss', '[loss] 0.5, [Loss] 0.4'],
    ['loss 0.5, Loss 0.4', 'Loss', 'loss 0.5, [Loss] 0.4'],
    ['a.b aXb', 'a.b', '[a.b] aXb'],
    ['(((', '(', '[(][(][(]'],
    ['nothing', 'x', 'nothing'],
    ['aaa', 'aa', '[aa]a'],
    ['whole', 'whole', '[whole]']
  ])('%j for %j', (line, q, shown) => {
    expect(text(marked(clean(line), q))).toBe(shown);
  });

  it('is marked across colours, and the text stays the same', () => {
    const pieces = marked(clean(`ab${ESC}[31mcd${ESC}[0mef`), 'bcde');
    expect(text(pieces)).toBe('a[b][cd][e]f');
    expect(pieces[2]?.style).toBe('nbc-ansi-1');
  });
});
