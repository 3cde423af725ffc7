// What the page knows, how it asks the emulator, and how cells are named and shown.

export const ROW = 25, COLUMN = 116, GUTTER = 60, BLOCK = 100, FLASH_MS = 1800;
export const $ = (id) => document.getElementById(id);

export const state = {
  books: [], id: "", tabs: [], tab: null, blocks: new Map(), pending: new Set(), flashes: new Map(),
  at: { r: 0, c: 0 }, to: { r: 0, c: 0 }, editing: null, dragging: false, generation: 0, calls: [], seen: 0, now: 0,
};

// ---- talking to the emulator

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(path, options);
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error || `the emulator answered ${answer.status}`);
  return data;
}

export const door = (leaf) => `/emulator/spreadsheets/${encodeURIComponent(state.id)}/${leaf}`;

let toasting = 0;
export function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toasting);
  toasting = setTimeout(() => { $("toast").hidden = true; }, 6000);
}

// ---- addresses

export function letters(column) {
  let text = "";
  for (let left = column + 1; left > 0; left = Math.floor((left - 1) / 26)) {
    text = String.fromCharCode(65 + (left - 1) % 26) + text;
  }
  return text;
}
export const address = (r, c) => `${letters(c)}${r + 1}`;
export function chosen() {
  const { at, to } = state;
  return {
    top: Math.min(at.r, to.r), bottom: Math.max(at.r, to.r), left: Math.min(at.c, to.c), right: Math.max(at.c, to.c),
  };
}
export function chosenRange() {
  const { top, bottom, left, right } = chosen();
  const first = address(top, left), last = address(bottom, right);
  return first === last ? first : `${first}:${last}`;
}
export const frozenRows = () => Math.min(Math.max(state.tab.frozenRows, 1), 8, state.tab.rows);
export const tabTitle = () => state.tab.title;

export const cellAt = (r, c) => state.blocks.get(Math.floor(r / BLOCK))?.[r % BLOCK]?.[c];
export const shown = (cell) => cell === undefined ? "" : cell.fmt ?? (cell.v === null || cell.v === undefined ? "" : String(cell.v));
export function typed(cell) {
  if (cell === undefined) return "";
  if (cell.f !== undefined) return cell.f;
  if (cell.t === "n") return Number(cell.fmt) === cell.v || cell.fmt === undefined ? String(cell.v) : cell.fmt;
  return shown(cell);
}
export const same = (a, b) => shown(a) === shown(b) && a?.f === b?.f && a?.note === b?.note && a?.t === b?.t;

/** A new element with a class and, as plain text, its content. */
export function element(kind, name, text) {
  const made = document.createElement(kind);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
