"use strict";
// Sorting. The page is complete without it.
for (const table of document.querySelectorAll("table.board")) {
  const body = table.tBodies[0];
  const heads = [...table.querySelectorAll("thead tr.columns th")];
  heads.forEach((head, index) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const best = head.dataset.better === "lower" || head.dataset.better === "text" ? "ascending" : "descending";
      const other = best === "ascending" ? "descending" : "ascending";
      const direction = head.getAttribute("aria-sort") === best ? other : best;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const value = (row) => row.cells[index].dataset.order;
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a), y = value(b);
        // Rows without a value stay at the end, whatever the direction.
        if (x === "" || y === "") return (x === "") - (y === "");
        if (head.dataset.better === "text") return sign * x.localeCompare(y);
        return sign * (Number(x) - Number(y));
      });
      body.append(...rows);
    });
  });
}
