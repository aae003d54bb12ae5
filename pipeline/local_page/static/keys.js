// Keys press the links and forms that the page has anyway; without this file everything still works.
"use strict";

let leaving = false;
window.addEventListener("pageshow", () => { leaving = false; });

function press(element) {
  if (element instanceof HTMLDetailsElement) { element.open = !element.open; return; }
  if (element.matches("input, select")) { element.focus(); return; }
  if (leaving) return;
  leaving = true;
  if (element instanceof HTMLFormElement) element.requestSubmit();
  else element.click();
}

const rows = () => [...document.querySelectorAll("[data-row]")];

function moveFocus(step) {
  const all = rows();
  const at = all.indexOf(document.activeElement);
  const to = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  if (to) to.focus();
}

function ofFocusedRow(name) {
  const row = document.activeElement.closest("tr");
  return row && row.querySelector(`[data-row-key="${name}"]`);
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
  const name = CSS.escape(event.key);
  const element = ofFocusedRow(name) || document.querySelector(`[data-key="${name}"]`);
  if (element) press(element);
  else if (event.key === "j") moveFocus(1);
  else if (event.key === "k") moveFocus(-1);
  else return;
  event.preventDefault();
});

const chosen = document.querySelector(".tree [aria-current]");
if (chosen) {
  const list = chosen.closest("ul");
  const below = chosen.getBoundingClientRect().top - list.getBoundingClientRect().top;
  list.scrollTop += below - list.clientHeight / 2;
}
const again = /^#row-(\d+)$/.exec(location.hash);
if (again) {
  const all = rows();
  const row = all[Math.min(Number(again[1]), all.length - 1)];
  if (row) row.focus();
}
