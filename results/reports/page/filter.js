// Hides what belongs to architectures that are switched off, everywhere, and trials without the words that are looked for.
"use strict";
{
  const boxes = [...document.querySelectorAll("#filter input")], marks = [...document.querySelectorAll("main [data-of]")];
  const rows = [...document.querySelectorAll("tr[data-trial]")], texts = new Map();
  const words = document.querySelector("#words"), told = document.querySelector("#told");
  const text = row => {
    if (!texts.has(row)) texts.set(row, [...row.cells].map(cell => cell.textContent).join(" ").toLowerCase());
    return texts.get(row);
  };
  const apply = () => {
    const off = new Set(boxes.filter(box => !box.checked).map(box => box.value));
    for (const mark of marks) mark.toggleAttribute("hidden", mark.dataset.of.split(" ").some(of => off.has(of)));
    const wanted = (words?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) if (!wanted.every(word => text(row).includes(word))) row.hidden = true;
    if (told) told.textContent = `${rows.filter(row => !row.hidden).length} of ${rows.length} trials`;
  };
  const choose = checked => {
    for (const box of boxes) box.checked = checked;
    apply();
  };
  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
  for (const box of boxes) box.addEventListener("change", apply);
  words?.addEventListener("input", apply);
  document.querySelector("#all")?.addEventListener("click", () => choose(true));
  document.querySelector("#none")?.addEventListener("click", () => choose(false));
  apply();
}
