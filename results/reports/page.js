// Sorts a table by the column whose head was pressed.
for (const head of document.querySelectorAll("table.sortable th button")) {
  head.addEventListener("click", () => {
    const th = head.parentElement, body = th.closest("table").tBodies[0];
    const column = [...th.parentElement.children].indexOf(th);
    const down = th.getAttribute("aria-sort") === "ascending";
    for (const other of th.parentElement.children) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = row => row.children[column].dataset.key;
    const compare = (a, b) => {
      const x = key(a), y = key(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const numbers = x - y, order = isNaN(numbers) ? (x < y ? -1 : x > y ? 1 : 0) : numbers;
      return down ? -order : order;
    };
    body.append(...[...body.rows].sort(compare));
  });
}
