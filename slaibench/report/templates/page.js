(() => {
  "use strict";
  const contents = document.getElementById("contents");
  contents.addEventListener("click", (event) => { if (event.target.closest("a")) contents.open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") contents.open = false; });
})();
