(() => {
  "use strict";
  const search = document.getElementById("search");
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const groups = [...document.querySelectorAll(".group")].map((section) => ({
    section, body: section.querySelector("tbody"), heads: [...section.querySelectorAll("th")],
  }));
  const rows = groups.flatMap((group) => [...group.body.rows]);
  if (rows.length === 0) return;
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  const narrow = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
    for (const group of groups) group.section.hidden = [...group.body.rows].every((row) => row.hidden);
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  search.hidden = false;
  search.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", narrow);

  // Every group is sorted alike: whoever looks for a model looks for it in all kinds.
  const order = new Intl.Collator("en", { numeric: true });
  const sort = (column, down) => {
    for (const group of groups) {
      const key = (row) => row.cells[column].firstChild.textContent;
      const sorted = [...group.body.rows].sort((a, b) => order.compare(key(a), key(b)));
      group.body.append(...(down ? sorted.reverse() : sorted));
      group.heads.forEach((head, i) => {
        if (i === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
    }
  };
  for (const { heads } of groups) {
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending"));
      head.replaceChildren(button);
    });
  }
  narrow(); // a browser may give back what was typed before
})();
