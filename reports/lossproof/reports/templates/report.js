"use strict";
// Filters lists by words; without scripts the inputs stay hidden and everything is shown.
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
