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
  const label = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  };
  const contents = document.getElementById("contents");
  contents.addEventListener("click", (event) => { if (event.target.closest("a")) contents.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { contents.open = false; hide(); }
  });

  const box = document.createElement("div");
  box.id = "tip";
  box.setAttribute("role", "status");
  box.hidden = true;
  document.body.append(box);
  const hide = () => { box.hidden = true; };
  const show = (_, event, __, text) => {
    if (text === null || text === undefined || text === "") { hide(); return; }
    box.textContent = text;
    box.hidden = false;
    const left = Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 6);
    const below = event.clientY + 16 + box.offsetHeight < window.innerHeight;
    box.style.left = `${Math.max(6, left)}px`;
    box.style.top = `${below ? event.clientY + 16 : event.clientY - box.offsetHeight - 10}px`;
  };

  const theme = (dark, legend) => {
    const ink = dark ? "#d8d8d8" : "#333333", faint = dark ? "#3a3a3a" : "#e4e4e4";
    return {
      font: "system-ui, sans-serif",
      axis: { labelColor: ink, titleColor: ink, domainColor: "#888", tickColor: "#888", gridColor: faint,
        labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      text: { color: ink, fontSize: 12 }, rule: { color: ink }, view: { stroke: null },
      range: { category: legend.map((entry) => (dark ? entry.dark : entry.light)) },
    };
  };

  const charts = [];
  const draw = async (chart) => {
    const dark = isDark();
    const spec = { ...chart.data.spec, config: theme(dark, chart.data.legend) };
    const runtime = vega.parse(vegaLite.compile(spec).spec, null, { ast: true });
    const view = new vega.View(runtime, {
      expr: vega.expressionInterpreter, renderer: "svg", container: chart.place, hover: true,
    });
    view.tooltip(show).signal("hidden", [...chart.hidden]);
    chart.view?.finalize();
    chart.view = view;
    await view.runAsync();
    chart.buttons.forEach((button, i) => {
      button.firstChild.style.background = chart.data.legend[i][dark ? "dark" : "light"];
    });
  };
  const mount = async (holder, data) => {
    const chart = { data, hidden: new Set(), buttons: [], place: document.createElement("div") };
    chart.place.className = "plot";
    const legend = document.createElement("div");
    legend.className = "legend";
    legend.setAttribute("role", "group");
    legend.setAttribute("aria-label", "Show or hide a scheduler");
    for (const entry of data.legend) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(document.createElement("i"), entry.name);
      button.addEventListener("click", () => {
        const shown = chart.hidden.delete(entry.name);
        if (!shown) chart.hidden.add(entry.name);
        button.setAttribute("aria-pressed", String(shown));
        hide();
        chart.view.signal("hidden", [...chart.hidden]).runAsync();
      });
      chart.buttons.push(button);
      legend.append(button);
    }
    const live = document.createElement("div");
    live.className = "live";
    const title = document.createElement("p");
    title.className = "plot-title";
    title.textContent = data.title;
    live.append(title, chart.place, legend);
    holder.append(live);
    holder.classList.add("interactive");
    try {
      await draw(chart);
      charts.push(chart);
    } catch (error) {
      live.remove();
      holder.classList.remove("interactive");
      console.error(error);
    }
  };
  const redraw = () => { label(); charts.forEach(draw); };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored.set(root.dataset.theme);
    redraw();
  });
  system.addEventListener("change", redraw);
  label();
  const numbers = document.getElementById("slaibench-charts");
  if (numbers === null) return;
  const data = JSON.parse(numbers.textContent);
  Promise.all([...document.querySelectorAll("[data-chart]")].map((holder) => mount(holder, data[holder.dataset.chart])))
    .then(() => { root.dataset.charts = String(charts.length); });
})();
