"use strict";
// Filters lists by words; without scripts the inputs stay hidden and everything is shown. A link to what a filter
// hides clears that filter.
for (const box of document.querySelectorAll("input[data-filter]")) {
  const items = [...document.querySelectorAll(box.dataset.filter)].map((item) => [item, item.textContent.toLowerCase()]);
  const said = box.closest("p").querySelector("output");
  box.closest("p").hidden = false;
  box.addEventListener("input", () => {
    const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [item, text] of items) {
      item.hidden = !wanted.every((word) => text.includes(word));
      shown += !item.hidden;
    }
    said.textContent = wanted.length ? shown + " of " + items.length : "";
  });
}
addEventListener("hashchange", () => {
  const place = document.getElementById(location.hash.slice(1));
  const hidden = place && place.closest("[hidden]");
  if (!hidden) return;
  for (const box of document.querySelectorAll("input[data-filter]")) {
    if (!hidden.matches(box.dataset.filter)) continue;
    box.value = "";
    box.dispatchEvent(new Event("input"));
  }
  place.scrollIntoView();
});
