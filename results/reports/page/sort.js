// Sorts a table by the column whose head is pressed: up, down, as it was. Missing values come last. Without it the page is complete.
"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], original = [...body.rows];
  if (original.length < 2) continue;
  const key = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.replace(/^–$/, "");
  const compare = (x, y) => {
    const numbers = Number(x) - Number(y);
    return isNaN(numbers) ? (x < y ? -1 : x > y ? 1 : 0) : numbers;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")] ?? "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      if (next) head.setAttribute("aria-sort", next);
      const order = (a, b) => {
        const x = key(a, column), y = key(b, column);
        if (x === "" || y === "") return (x === "") - (y === "");
        return next === "descending" ? compare(y, x) : compare(x, y);
      };
      body.append(...(next ? [...original].sort(order) : original));
    });
  });
}
