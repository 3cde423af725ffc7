// The page's start: which spreadsheet, and the stream of changes.

import { pollCalls } from "./calls.js";
import { layout, refresh } from "./grid.js";
import "./hands.js";
import { openMenus } from "./menu.js";
import { $, ask, element, state, toast } from "./state.js";

async function loadBooks() {
  const { spreadsheets } = await ask("/emulator/spreadsheets");
  state.books = spreadsheets;
  const wanted = state.id || decodeURIComponent(location.hash.slice(1));
  $("books").replaceChildren(...spreadsheets.map((book) => {
    const option = element("option", "", book.title);
    option.value = book.id;
    option.title = book.id;
    return option;
  }));
  const found = spreadsheets.find((book) => book.id === wanted) ?? spreadsheets[0];
  if (found) {
    $("books").value = found.id;
    if (state.id !== found.id) { state.id = found.id; state.tab = null; }
    document.title = `${found.title}: Sheets emulator`;
    openMenus();
  }
}
$("books").addEventListener("change", async () => {
  state.id = $("books").value;
  location.hash = encodeURIComponent(state.id);
  state.tab = null;
  await loadBooks();
  await refresh();
});

let coming = false, again = false;
async function onChange() {
  if (coming) { again = true; return; }
  coming = true;
  try {
    do {
      again = false;
      await loadBooks();
      await refresh();
      await pollCalls();
    } while (again);
  } catch (error) {
    toast(error.message);
  } finally {
    coming = false;
  }
}

const live = (name, text) => { $("live").className = `live ${name}`; $("live").textContent = text; };
const events = new EventSource("/emulator/events");
events.addEventListener("open", () => live("on", "live"));
events.addEventListener("error", () => live("off", "not connected"));
events.addEventListener("revisions", onChange);
setInterval(() => { if (!document.hidden) pollCalls(); }, 1500);
layout();
onChange();
