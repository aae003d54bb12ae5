"use strict";
const root = document.documentElement;
root.classList.add("js");

// Theme: as the system has it until someone chooses.
const themes = ["auto", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");
let chosen = "auto";
try { chosen = localStorage.getItem("sluice-theme") || "auto"; } catch { /* a browser may refuse */ }
function paint() {
  root.dataset.theme = chosen === "auto" ? (system.matches ? "dark" : "light") : chosen;
  button.querySelector("b").textContent = chosen;
}
function nextTheme() {
  chosen = themes[(themes.indexOf(chosen) + 1) % themes.length];
  try { localStorage.setItem("sluice-theme", chosen); } catch { /* then it is for this page alone */ }
  paint();
}
button.hidden = false;
button.addEventListener("click", nextTheme);
system.addEventListener("change", paint);
paint();
let before;
addEventListener("beforeprint", () => { before = root.dataset.theme; root.dataset.theme = "light"; });
addEventListener("afterprint", () => { root.dataset.theme = before; });

// Tables: sorted by a click on a column's name, searched, opened as a whole.
for (const box of document.querySelectorAll(".table")) {
  const body = box.querySelector("tbody");
  const heads = [...box.querySelectorAll("th")];
  const all = box.querySelector("button.all");
  const search = box.querySelector("input");
  const rows = [...body.rows];
  const shown = rows.filter(row => !row.classList.contains("more")).length;
  let isOpen = false;
  function place() {
    const words = search ? search.value.trim().toLowerCase() : "";
    let n = 0;
    for (const row of body.rows) {
      const hit = !words || row.textContent.toLowerCase().includes(words);
      row.hidden = !hit;
      if (hit) n += 1;
      row.classList.toggle("more", hit && n > shown);
      row.classList.toggle("open", isOpen || words !== "");
    }
  }
  function key(row, index) {
    const cell = row.cells[index];
    return cell.dataset.value === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.value);
  }
  heads.forEach((head, index) => {
    const press = head.querySelector("button");
    if (!press) return;
    press.addEventListener("click", () => {
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const other = first === "descending" ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      rows.sort((a, b) => { const x = key(a, index), y = key(b, index); return x < y ? -sign : x > y ? sign : 0; });
      body.append(...rows);
      place();
    });
  });
  if (all) all.addEventListener("click", () => {
    isOpen = !isOpen;
    all.textContent = isOpen ? `show ${shown}` : `show all ${Number(all.dataset.rows).toLocaleString("en")}`;
    place();
  });
  if (search) search.addEventListener("input", place);
}

// Sections: which one is read, and keys to go on.
const sections = [...document.querySelectorAll("section")];
const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
function current() {
  const top = sections.filter(one => one.getBoundingClientRect().top < 140);
  return top.length ? top[top.length - 1] : sections[0];
}
function follow() {
  const here = current();
  for (const [id, link] of links) {
    if (here && id === here.id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("scroll", follow, { passive: true });
follow();
for (const keys of document.querySelectorAll(".keys")) keys.hidden = false;
addEventListener("keydown", event => {
  const typing = event.target.closest("input");
  if (event.key === "Escape" && typing) { typing.value = ""; typing.dispatchEvent(new Event("input")); typing.blur(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "t") nextTheme();
  if (event.key === "j" || event.key === "k") {
    const focused = document.activeElement.closest && document.activeElement.closest("section");
    const index = sections.indexOf(focused || current()) + (event.key === "j" ? (focused || scrollY > 0 ? 1 : 0) : -1);
    const next = sections[Math.min(Math.max(index, 0), sections.length - 1)];
    next.focus({ preventScroll: true });
    next.scrollIntoView();
  }
  if (event.key === "/") {
    const field = current().querySelector("input") || document.querySelector(".tools input");
    if (field) { event.preventDefault(); field.focus(); }
  }
});
