// What a person's hands do: choosing, typing, pasting, and the tools above the grid.

import { act, clamp, draw } from "./grid.js";
import {
  $, COLUMN, GUTTER, ROW, address, cellAt, chosen, chosenRange, frozenRows, letters, shown, state, tabTitle, typed,
} from "./state.js";

const view = $("view"), sheet = $("sheet"), editor = $("editor"), entered = $("entered");

// ---- selecting and typing

function choose(r, c, extend) {
  state.to = { r, c };
  if (!extend) state.at = { r, c };
  clamp();
  reveal(state.to.r, state.to.c);
  draw();
}

function reveal(r, c) {
  const frozen = frozenRows();
  if (r >= frozen) {
    const top = (r - frozen) * ROW, room = view.clientHeight - (frozen + 1) * ROW - ROW;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top > view.scrollTop + room) view.scrollTop = top - room;
  }
  const left = c * COLUMN, room = view.clientWidth - GUTTER - COLUMN;
  if (left < view.scrollLeft) view.scrollLeft = left;
  else if (left > view.scrollLeft + room) view.scrollLeft = left - room;
}

function startEditing(text) {
  if (!state.tab || state.editing) return;
  const { r, c } = state.at;
  state.editing = { r, c, tab: tabTitle() };
  const onFrozen = r < frozenRows();
  editor.value = text ?? typed(cellAt(r, c));
  editor.style.left = `${GUTTER + c * COLUMN - 1}px`;
  editor.style.top = `${(r + 1) * ROW - 1 + (onFrozen ? view.scrollTop : 0)}px`;
  editor.hidden = false;
  grow();
  editor.focus({ preventScroll: true });
  editor.setSelectionRange(editor.value.length, editor.value.length);
  draw();
}

function grow() {
  const lines = editor.value.split("\n");
  const widest = Math.max(...lines.map((line) => line.length));
  editor.style.width = `${Math.min(Math.max(COLUMN + 1, widest * 8 + 24), 520)}px`;
  editor.style.height = `${Math.max(ROW + 1, lines.length * 18 + 8)}px`;
  entered.value = editor.value;
}

async function stopEditing(keep, down = 0, right = 0) {
  const place = state.editing;
  if (!place) return;
  const text = editor.value;
  state.editing = null;
  editor.hidden = true;
  view.focus({ preventScroll: true });
  if (keep) {
    choose(place.r + down, place.c + right, false);
    if (text !== typed(cellAt(place.r, place.c))) await act({ act: "type", tab: place.tab, cell: address(place.r, place.c), text });
  } else draw();
}

editor.addEventListener("input", grow);
editor.addEventListener("blur", () => stopEditing(true));
editor.addEventListener("keydown", (event) => {
  event.stopPropagation();
  if (event.key === "Escape") { event.preventDefault(); stopEditing(false); }
  if (event.key === "Enter" && !event.altKey) { event.preventDefault(); stopEditing(true, event.shiftKey ? -1 : 1, 0); }
  if (event.key === "Tab") { event.preventDefault(); stopEditing(true, 0, event.shiftKey ? -1 : 1); }
});

entered.addEventListener("keydown", async (event) => {
  event.stopPropagation();
  if (event.key !== "Enter" && event.key !== "Escape") return;
  const text = entered.value, { r, c } = state.at;
  view.focus();
  if (event.key === "Enter") await act({ act: "type", tab: tabTitle(), cell: address(r, c), text });
  draw();
});

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [1, 0], Tab: [0, 1] };
view.addEventListener("keydown", (event) => {
  if (!state.tab) return;
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "z") { event.preventDefault(); act({ act: "undo" }); return; }
  if (command && event.key.toLowerCase() === "a") {
    event.preventDefault();
    state.at = { r: 0, c: 0 };
    state.to = { r: state.tab.rows - 1, c: state.tab.columns - 1 };
    draw();
    return;
  }
  const end = event.shiftKey && event.key !== "Tab" ? state.to : state.at;
  const page = Math.max(1, Math.floor(view.clientHeight / ROW) - 3);
  if (MOVES[event.key]) {
    event.preventDefault();
    const [down, right] = MOVES[event.key];
    const back = event.shiftKey && (event.key === "Tab" || event.key === "Enter") ? -1 : 1;
    const far = command ? 1e9 : 1;
    choose(end.r + down * back * far, end.c + right * back * far, event.shiftKey && event.key.startsWith("Arrow"));
  } else if (event.key === "PageDown" || event.key === "PageUp") {
    event.preventDefault();
    choose(end.r + (event.key === "PageDown" ? page : -page), end.c, event.shiftKey);
  } else if (event.key === "Home" || event.key === "End") {
    event.preventDefault();
    choose(command ? (event.key === "Home" ? 0 : state.tab.rows - 1) : end.r, event.key === "Home" ? 0 : state.tab.columns - 1, event.shiftKey);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    act({ act: "clear", tab: tabTitle(), range: chosenRange() });
  } else if (event.key === "F2") {
    event.preventDefault();
    startEditing();
  } else if (event.key.length === 1 && !command && !event.altKey) {
    event.preventDefault();
    startEditing(event.key);
  }
});

sheet.addEventListener("pointerdown", (event) => {
  if (event.target === editor || event.button !== 0) return;
  stopEditing(true);
  const { r, c, row, column } = event.target.dataset;
  if (row !== undefined) {
    if (!event.shiftKey) state.at = { r: Number(row), c: 0 };
    state.to = { r: Number(row), c: state.tab.columns - 1 };
  } else if (column !== undefined) {
    if (!event.shiftKey) state.at = { r: 0, c: Number(column) };
    state.to = { r: state.tab.rows - 1, c: Number(column) };
  } else if (r !== undefined) {
    state.to = { r: Number(r), c: Number(c) };
    if (!event.shiftKey) state.at = { ...state.to };
    state.dragging = true;
  } else return;
  event.preventDefault();
  view.focus({ preventScroll: true });
  draw();
});
sheet.addEventListener("pointermove", (event) => {
  if (!state.dragging) return;
  const under = document.elementFromPoint(event.clientX, event.clientY)?.dataset;
  if (under?.r === undefined) return;
  state.to = { r: Number(under.r), c: Number(under.c) };
  draw();
});
addEventListener("pointerup", () => { state.dragging = false; });
sheet.addEventListener("dblclick", (event) => { if (event.target.dataset.r !== undefined) startEditing(); });
view.addEventListener("scroll", draw, { passive: true });
addEventListener("resize", draw);

// ---- clipboard

const typingElsewhere = () => state.editing || document.activeElement === entered || document.activeElement?.tagName === "INPUT";
document.addEventListener("paste", (event) => {
  if (typingElsewhere() || !state.tab) return;
  const text = event.clipboardData.getData("text/plain").replace(/\r\n?/g, "\n").replace(/\n$/, "");
  event.preventDefault();
  const { top, left } = chosen();
  act({ act: "paste", tab: tabTitle(), at: address(top, left), rows: text.split("\n").map((line) => line.split("\t")) });
});
document.addEventListener("copy", (event) => {
  if (typingElsewhere() || !state.tab) return;
  const box = chosen(), lines = [];
  for (let r = box.top; r <= Math.min(box.bottom, box.top + 9999); r += 1) {
    const line = [];
    for (let c = box.left; c <= box.right; c += 1) line.push(shown(cellAt(r, c)).replace(/[\t\n]/g, " "));
    lines.push(line.join("\t"));
  }
  event.clipboardData.setData("text/plain", lines.join("\n"));
  event.preventDefault();
});

// ---- tools

const TOOLS = {
  "rows-above": ({ top, rows }) => ({ act: "insert_rows", at: top + 1, count: rows }),
  "rows-below": ({ bottom, rows }) => ({ act: "insert_rows", at: bottom + 2, count: rows }),
  "rows-up": ({ top, rows }) => (top > 0 ? { act: "move_rows", from: top + 1, count: rows, to: top } : null),
  "rows-down": ({ top, bottom, rows }) => (bottom + 1 < state.tab.rows ? { act: "move_rows", from: top + 1, count: rows, to: bottom + 3 } : null),
  "rows-delete": ({ top, rows }) => ({ act: "delete_rows", at: top + 1, count: rows }),
  "columns-left": ({ left, columns }) => ({ act: "insert_columns", at: letters(left), count: columns }),
  "columns-right": ({ right, columns }) => ({ act: "insert_columns", at: letters(right + 1), count: columns }),
  "columns-delete": ({ left, columns }) => ({ act: "delete_columns", at: letters(left), count: columns }),
  "sort-up": () => ({ act: "sort", first_row: frozenRows() + 1, column: letters(state.at.c), descending: false }),
  "sort-down": () => ({ act: "sort", first_row: frozenRows() + 1, column: letters(state.at.c), descending: true }),
};
for (const button of document.querySelectorAll("[data-tool]")) {
  button.addEventListener("click", async () => {
    if (!state.tab) return;
    const box = chosen();
    const wanted = TOOLS[button.dataset.tool]({ ...box, rows: box.bottom - box.top + 1, columns: box.right - box.left + 1 });
    if (wanted && await act({ ...wanted, tab: tabTitle() }) && wanted.act === "move_rows") {
      const by = button.dataset.tool === "rows-up" ? -1 : 1;
      state.at.r += by;
      state.to.r += by;
      draw();
    }
    view.focus({ preventScroll: true });
  });
}
$("undo").addEventListener("click", () => act({ act: "undo" }));
$("add-tab").addEventListener("click", () => {
  let number = state.tabs.length + 1;
  while (state.tabs.some((tab) => tab.title === `Sheet${number}`)) number += 1;
  act({ act: "add_tab", title: `Sheet${number}` });
});
$("calls-toggle").addEventListener("click", () => {
  const hide = !$("calls").hidden;
  $("calls").hidden = hide;
  $("calls-toggle").setAttribute("aria-pressed", String(!hide));
  draw();
});
