(() => {
  "use strict";
  const root = document.documentElement;
  const isDark = () => root.dataset.colours === "dark";
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
  document.addEventListener("slaibench-theme", () => charts.forEach(draw));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  const data = JSON.parse(document.getElementById("slaibench-charts").textContent);
  Promise.all([...document.querySelectorAll("[data-chart]")].map((holder) => mount(holder, data[holder.dataset.chart])))
    .then(() => { root.dataset.charts = String(charts.length); });
})();
