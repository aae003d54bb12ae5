// Keys press the links and forms that the page has anyway; without this file everything still works.
"use strict";

let leaving = false;
window.addEventListener("pageshow", () => { leaving = false; });

function press(element) {
  if (leaving) return;
  leaving = true;
  if (element instanceof HTMLFormElement) element.requestSubmit();
  else element.click();
}

function moveFocus(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  const to = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (to) to.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
  const element = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (element) press(element);
  else if (event.key === "j") moveFocus(1);
  else if (event.key === "k") moveFocus(-1);
  else return;
  event.preventDefault();
});

const chosen = document.querySelector(".tree [aria-current]");
if (chosen) chosen.scrollIntoView({ block: "center" });
