// The cell that holds a magic: the line itself, below the line that loads the magics where the notebook has none.
// 
// What this is: pure text. What it is not: the magic's words, which the server writes (POST /equivalent).
// In the flow: Equivalent + the notebook's cells -> text of the new cell.
const LOADS = /^[ \t]*%(?:load_ext|reload_ext)[ \t]+nbcontainer\b/m;

export function magicCell(magic: string, cells: readonly string[]): string {
  return cells.some(source => LOADS.test(source)) ? magic : `%load_ext nbcontainer\n${magic}`;
}
