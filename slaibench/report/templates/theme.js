(() => {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  // A page that is opened as a file may be refused its storage.
  const stored = {
    get() { try { return localStorage.getItem("slaibench-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("slaibench-theme", value); } catch { /* for now only */ } },
  };
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const choice = stored.get();
  if (choice === "dark" || choice === "light") root.dataset.theme = choice;
  const toggle = document.getElementById("theme");
  const changed = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
    root.dataset.colours = isDark() ? "dark" : "light";
    document.dispatchEvent(new Event("slaibench-theme"));
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored.set(root.dataset.theme);
    changed();
  });
  system.addEventListener("change", changed);
  changed();
})();
