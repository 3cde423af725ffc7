// Draws the window on one tab and keeps its cells fresh. All text goes through textContent.

import {
  $, BLOCK, COLUMN, FLASH_MS, GUTTER, ROW, address, ask, cellAt, chosen, chosenRange, door, element, frozenRows, letters,
  same, shown, state, tabTitle, toast, typed,
} from "./state.js";

const view = $("view"), sheet = $("sheet"), editor = $("editor"), entered = $("entered"), frame = $("frame");

/** A person acts; true when the grid let them. */
export async function act(what) {
  try {
    await ask(door("human"), what);
    await refresh();
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

// ---- data

async function load(block, compare) {
  if (state.pending.has(block)) return;
  state.pending.add(block);
  const generation = state.generation;
  try {
    const data = await ask(`${door("grid")}?tab=${encodeURIComponent(tabTitle())}&from=${block * BLOCK}&rows=${BLOCK}`);
    if (generation !== state.generation) return;
    const before = state.blocks.get(block);
    state.blocks.set(block, data.rows.map((row) => row.map((cell) => (cell.t === undefined ? undefined : cell))));
    if (before && compare) mark(block, before, state.blocks.get(block));
    draw();
  } catch (error) {
    // A tab renamed meanwhile is asked for again by its new name.
    if (generation === state.generation) toast(error.message);
  } finally {
    if (generation === state.generation) state.pending.delete(block);
  }
}

function mark(block, before, after) {
  const until = performance.now() + FLASH_MS;
  for (let r = 0; r < Math.max(before.length, after.length); r += 1) {
    const old = before[r] ?? [], fresh = after[r] ?? [];
    for (let c = 0; c < Math.max(old.length, fresh.length); c += 1) {
      if (!same(old[c], fresh[c])) state.flashes.set(`${block * BLOCK + r},${c}`, until);
    }
  }
  setTimeout(() => {
    for (const [key, end] of state.flashes) if (end <= performance.now()) state.flashes.delete(key);
  }, FLASH_MS + 50);
}

export async function refresh() {
  if (!state.id) return;
  const data = await ask(door("tabs"));
  const before = state.tab;
  state.tabs = data.tabs;
  state.tab = data.tabs.find((tab) => before && tab.sheetId === before.sheetId) ?? data.tabs.find((tab) => !tab.hidden) ?? data.tabs[0] ?? null;
  if (!before || !state.tab || before.sheetId !== state.tab.sheetId) forget();
  clamp();
  drawTabs();
  layout();
  const wanted = visibleBlocks();
  for (const block of [...state.blocks.keys()]) if (!wanted.includes(block)) state.blocks.delete(block);
  state.pending.clear();
  state.generation += 1;
  await Promise.all(wanted.map((block) => load(block, true)));
  draw();
}

function forget() {
  state.blocks.clear();
  state.pending.clear();
  state.flashes.clear();
  state.generation += 1;
}

export function clamp() {
  if (!state.tab) return;
  for (const end of [state.at, state.to]) {
    end.r = Math.max(0, Math.min(end.r, state.tab.rows - 1));
    end.c = Math.max(0, Math.min(end.c, state.tab.columns - 1));
  }
}

// ---- drawing

function visible() {
  const frozen = frozenRows();
  const top = frozen + Math.max(0, Math.floor(view.scrollTop / ROW) - 4);
  const bottom = Math.min(state.tab.rows, frozen + Math.ceil((view.scrollTop + view.clientHeight) / ROW) + 4);
  const left = Math.max(0, Math.floor((view.scrollLeft - GUTTER) / COLUMN) - 1);
  const right = Math.min(state.tab.columns, Math.ceil((view.scrollLeft + view.clientWidth) / COLUMN) + 1);
  return { frozen, top: Math.min(top, state.tab.rows), bottom, left, right };
}
function visibleBlocks() {
  if (!state.tab) return [];
  const { top, bottom } = visible();
  const blocks = new Set([0]);
  for (let block = Math.floor(top / BLOCK); block <= Math.floor(Math.max(top, bottom - 1) / BLOCK); block += 1) blocks.add(block);
  return [...blocks].filter((block) => block * BLOCK < state.tab.rows);
}

export function layout() {
  $("empty").hidden = Boolean(state.tab);
  sheet.hidden = !state.tab;
  if (!state.tab) {
    $("empty").textContent = state.id ? "This spreadsheet has no tabs." : "No spreadsheet yet: start with --spreadsheet ID=Title, or create one through the API.";
    return;
  }
  sheet.style.width = `${GUTTER + state.tab.columns * COLUMN}px`;
  sheet.style.height = `${ROW * (state.tab.rows + 1)}px`;
  $("frozen").style.height = `${frozenRows() * ROW}px`;
}

function drawRow(r, y, span, into) {
  const line = element("div", "row");
  line.style.top = `${y}px`;
  line.style.width = "100%";
  const box = chosen();
  const number = element("div", "number", String(r + 1));
  number.dataset.row = r;
  number.classList.toggle("in", r >= box.top && r <= box.bottom);
  line.append(number);
  const many = box.top !== box.bottom || box.left !== box.right;
  for (let c = span.left; c < span.right; c += 1) {
    const cell = cellAt(r, c);
    const made = element("div", "cell", shown(cell));
    made.style.left = `${GUTTER + c * COLUMN}px`;
    made.style.width = `${COLUMN}px`;
    made.dataset.r = r;
    made.dataset.c = c;
    if (cell?.t) made.classList.add(cell.t);
    if (cell?.note !== undefined) { made.classList.add("note"); made.title = cell.note; }
    if (many && r >= box.top && r <= box.bottom && c >= box.left && c <= box.right && !(r === state.at.r && c === state.at.c)) made.classList.add("in");
    const left = (state.flashes.get(`${r},${c}`) ?? 0) - performance.now();
    if (left > 0) {
      made.classList.add("flash");
      made.style.animationDelay = `${left - FLASH_MS}ms`;
    }
    line.append(made);
  }
  into.append(line);
}

let drawing = 0;
export function draw() {
  if (!drawing) drawing = requestAnimationFrame(() => { drawing = 0; drawNow(); });
}

function drawNow() {
  if (!state.tab) return;
  const span = visible(), box = chosen();
  for (const block of visibleBlocks()) if (!state.blocks.has(block)) load(block, false);
  const heads = document.createDocumentFragment(), fixed = document.createDocumentFragment(), body = document.createDocumentFragment();
  heads.append(element("div", "corner"));
  for (let c = span.left; c < span.right; c += 1) {
    const letter = element("div", "letter", letters(c));
    letter.style.left = `${GUTTER + c * COLUMN}px`;
    letter.style.width = `${COLUMN}px`;
    letter.dataset.column = c;
    letter.classList.toggle("in", c >= box.left && c <= box.right);
    heads.append(letter);
  }
  for (let r = 0; r < span.frozen; r += 1) drawRow(r, r * ROW, span, fixed);
  for (let r = span.top; r < span.bottom; r += 1) drawRow(r, (r + 1) * ROW, span, body);
  $("letters").replaceChildren(heads);
  $("frozen").replaceChildren(fixed);
  $("rows").replaceChildren(body);
  drawFrame(box, span.frozen);
  drawBar(box);
}

function drawFrame(box, frozen) {
  const onFrozen = box.bottom < frozen;
  frame.hidden = Boolean(state.editing);
  if (onFrozen) $("frozen").append(frame); else if (frame.parentNode !== sheet) sheet.append(frame);
  frame.classList.toggle("on-frozen", onFrozen);
  const top = Math.max(box.top, 0) * ROW + (onFrozen ? 0 : ROW);
  frame.style.top = `${top - 1}px`;
  frame.style.left = `${GUTTER + box.left * COLUMN - 1}px`;
  frame.style.width = `${(box.right - box.left + 1) * COLUMN + 1}px`;
  frame.style.height = `${(box.bottom - box.top + 1) * ROW + 1}px`;
}

const KINDS = { n: "number", s: "text", b: "boolean", e: "error" };
function drawBar(box) {
  const cell = cellAt(state.at.r, state.at.c);
  $("address").textContent = address(state.at.r, state.at.c);
  $("sort-column").textContent = letters(state.at.c);
  if (document.activeElement !== entered && !state.editing) entered.value = typed(cell);
  const kind = KINDS[cell?.t] ?? "empty";
  $("kind").textContent = cell?.f !== undefined ? `formula, ${kind}` : cell?.t === "n" && cell.fmt !== undefined && cell.fmt !== String(cell.v) ? `number ${cell.v}` : kind;
  let count = 0, sum = 0, numbers = 0;
  const area = (box.bottom - box.top + 1) * (box.right - box.left + 1);
  if (area > 1 && area <= 200000) {
    for (let r = box.top; r <= box.bottom; r += 1) for (let c = box.left; c <= box.right; c += 1) {
      const it = cellAt(r, c);
      if (it !== undefined && shown(it) !== "") count += 1;
      if (it?.t === "n") { numbers += 1; sum += it.v; }
    }
  }
  const total = numbers ? `, sum ${sum.toLocaleString("en", { maximumFractionDigits: 6 })}` : "";
  $("selection").textContent = area > 1 ? `${chosenRange()}: ${count.toLocaleString("en")} filled${total}` : "";
  const cells = state.tabs.reduce((all, tab) => all + tab.rows * tab.columns, 0);
  const { rows, columns } = state.tab;
  $("counts").textContent = `${rows.toLocaleString("en")} × ${columns} in this tab, ${cells.toLocaleString("en")} of 10,000,000 cells`;
}

function drawTabs() {
  $("tabs").replaceChildren(...state.tabs.map((tab) => {
    const made = element("button", tab.hidden ? "tab hidden-tab" : "tab", tab.title);
    made.title = "Double-click to rename";
    made.setAttribute("aria-current", String(tab.sheetId === state.tab?.sheetId));
    made.addEventListener("click", () => { if (tab.sheetId !== state.tab.sheetId) openTab(tab); });
    made.addEventListener("dblclick", () => renameTab(made, tab));
    return made;
  }));
}

function openTab(tab) {
  state.editing = null;
  editor.hidden = true;
  state.tab = tab;
  state.at = { r: 0, c: 0 };
  state.to = { r: 0, c: 0 };
  forget();
  view.scrollTo(0, 0);
  drawTabs();
  layout();
  draw();
}

function renameTab(button, tab) {
  const input = element("input", "");
  input.value = tab.title;
  let done = false;
  const end = async (keep) => {
    if (done) return;
    done = true;
    const wanted = input.value.trim();
    if (keep && wanted && wanted !== tab.title) await act({ act: "rename_tab", tab: tab.title, to: wanted });
    drawTabs();
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
  });
  input.addEventListener("blur", () => end(true));
  button.replaceWith(input);
  input.select();
}
