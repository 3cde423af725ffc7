// The menus of the spreadsheet's script, and what it shows. Its texts are put in as text, never as markup.

import { $, ask, chosenRange, door, element, state, tabTitle, toast } from "./state.js";

let opened = "";

/** Opens the spreadsheet as a person does: its script makes its menus. */
export async function openMenus() {
  if (!state.id || state.id === opened) return;
  opened = state.id;
  $("menus").replaceChildren();
  try {
    const { installed } = await ask(door("script"));
    if (!installed) return;
    const { menus, error } = await ask(door("script/open"), {});
    if (error) toast(error);
    $("menus").replaceChildren(...menus.map(menuOf));
  } catch (error) {
    // An emulator that was built without scripts has no such door.
    console.info(error.message);
  }
}

function menuOf(menu) {
  const box = element("details", "menu");
  const list = element("div", "items");
  list.setAttribute("role", "menu");
  list.append(...menu.items.map((item) => {
    if (item.separator) return element("hr", "");
    const button = element("button", "", item.caption);
    button.setAttribute("role", "menuitem");
    button.dataset.function = item.function;
    button.addEventListener("click", () => { box.open = false; run(item.function); });
    return button;
  }));
  box.append(element("summary", "", menu.name), list);
  return box;
}

async function run(name) {
  try {
    const done = await ask(door("script/run"), { function: name, tab: tabTitle(), cell: chosenRange() });
    for (const shown of done.toasts) toast(shown.title ? `${shown.title}: ${shown.text}` : shown.text);
    for (const shown of done.alerts) await show(shown);
    if (done.error) toast(done.error);
  } catch (error) {
    toast(error.message);
  }
}

function show({ title, text }) {
  const dialog = $("alert");
  $("alert-title").textContent = title;
  $("alert-title").hidden = title === "";
  $("alert-text").textContent = text;
  dialog.showModal();
  return new Promise((done) => { dialog.addEventListener("close", done, { once: true }); });
}

$("alert-ok").addEventListener("click", () => $("alert").close());
document.addEventListener("pointerdown", (event) => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
