// Says which trial a mark in a plot is, and shows the same trial in every plot and in the table. A press goes to its row.
"use strict";
{
  const about = document.querySelector("#about"), rows = new Map(), marks = new Map();
  for (const row of document.querySelectorAll("tr[data-trial]")) rows.set(row.dataset.trial, row);
  for (const mark of document.querySelectorAll("[data-trial]")) {
    marks.set(mark.dataset.trial, [...(marks.get(mark.dataset.trial) ?? []), mark]);
  }
  let shown = null;
  const show = trial => {
    if (trial === shown) return;
    for (const mark of marks.get(shown) ?? []) mark.classList.remove("lit");
    for (const mark of marks.get(trial) ?? []) mark.classList.add("lit");
    shown = trial;
  };
  const place = event => {
    const box = about.getBoundingClientRect(), x = event.clientX + 14, y = event.clientY + 16;
    about.style.left = `${Math.max(4, Math.min(x, innerWidth - box.width - 8))}px`;
    about.style.top = `${y + box.height > innerHeight ? event.clientY - box.height - 10 : y}px`;
  };
  document.addEventListener("pointerover", event => {
    const mark = event.target.closest?.("[data-trial]");
    show(mark?.dataset.trial ?? null);
    const row = mark?.closest("svg") ? rows.get(mark.dataset.trial) : undefined;
    about.hidden = !row;
    if (row) {
      about.textContent = row.dataset.about;
      place(event);
    }
  });
  document.addEventListener("click", event => {
    const mark = event.target.closest?.("svg [data-trial]"), row = mark && rows.get(mark.dataset.trial);
    if (!row || row.hidden) return;
    row.scrollIntoView({ block: "center" });
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
  });
}
