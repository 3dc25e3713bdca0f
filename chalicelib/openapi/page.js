"use strict";
const search = document.getElementById("search");
const entries = [...document.querySelectorAll("details")];
const words = new Map(entries.map((each) => [each, each.querySelector("summary").textContent.toLowerCase()]));

function show() {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const each of entries) each.hidden = !wanted.every((word) => words.get(each).includes(word));
  for (const section of document.querySelectorAll("section")) section.hidden = wanted.length > 0 && !section.querySelector("details:not([hidden])");
  document.getElementById("nothing").hidden = entries.some((each) => !each.hidden);
}

function unfold() {
  const named = location.hash && document.getElementById(location.hash.slice(1));
  if (!named || named.tagName !== "DETAILS") return;
  if (named.hidden) { search.value = ""; show(); }
  named.open = true;
  named.scrollIntoView();
}

search.hidden = false;
search.addEventListener("input", show);
addEventListener("hashchange", unfold);
addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && document.activeElement === search) { search.value = ""; show(); }
});
for (const each of entries) {
  each.addEventListener("toggle", () => { if (each.open) history.replaceState(null, "", "#" + each.id); });
}
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }
}
unfold();
