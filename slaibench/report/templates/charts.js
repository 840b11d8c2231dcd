(() => {
  "use strict";
  const root = document.documentElement;
  const isDark = () => root.dataset.colours === "dark";

  const box = document.createElement("div");
  box.id = "tip";
  box.setAttribute("role", "status");
  box.hidden = true;
  document.body.append(box);
  let shownBy = null;
  const hide = () => {
    box.hidden = true;
    shownBy?.clear();
    shownBy = null;
  };
  const show = (text, x, y) => {
    box.textContent = text;
    box.hidden = false;
    const left = Math.min(x + 14, window.innerWidth - box.offsetWidth - 6);
    const below = y + 16 + box.offsetHeight < window.innerHeight;
    box.style.left = `${Math.max(6, left)}px`;
    box.style.top = `${below ? y + 16 : y - box.offsetHeight - 10}px`;
  };
  const atPointer = (_, event, __, text) => {
    if (text === null || text === undefined || text === "") hide();
    else show(text, event.clientX, event.clientY);
  };

  const theme = (dark, colours) => {
    const ink = dark ? "#d8d8d8" : "#333333", faint = dark ? "#3a3a3a" : "#e4e4e4";
    return {
      font: "system-ui, sans-serif",
      axis: { labelColor: ink, titleColor: ink, domainColor: "#888", tickColor: "#888", gridColor: faint,
        labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      text: { color: ink, fontSize: 12 }, rule: { color: ink }, view: { stroke: null },
      range: { category: colours },
    };
  };
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const said = (value, axis) => number.format(value) + (axis.unit ? ` ${axis.unit}` : "");
  const rows = (lines) => lines.series.flatMap(({ s, x, y }, o) => x.map((at, i) => ({ s, o, x: at, y: y[i] })));

  // Of many values a mark each would be thousands of elements: those at the pointer are looked up.
  const readLines = (chart, plot) => {
    const cursor = document.createElement("div");
    cursor.className = "cursor";
    cursor.hidden = true;
    plot.place.append(cursor);
    const { lines } = plot.data;
    const visible = () => lines.series.filter(({ s, x }) => x.length > 0 && !chart.hidden.has(s));
    const nearest = (values, at) => {
      let low = 0, high = values.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (values[middle] <= at) low = middle; else high = middle;
      }
      if (lines.stepped) return values[high] <= at ? high : low;
      return at - values[low] > values[high] - at ? high : low;
    };
    plot.clear = () => { cursor.hidden = true; };
    const tell = (at) => {
      const series = visible();
      if (series.length === 0) return;
      const texts = series.map(({ s, x, y }) => {
        const value = at < x[0] && lines.stepped ? null : y[nearest(x, at)];
        return `${s}: ${value === null ? "–" : said(value, lines.y)}`;
      });
      const frame = plot.place.querySelector("svg").getBoundingClientRect();
      const [left, top] = plot.view.origin();
      const x = left + plot.view.scale("x")(at);
      hide();
      shownBy = plot;
      cursor.style.left = `${x}px`;
      cursor.style.top = `${top}px`;
      cursor.style.height = `${plot.view.height()}px`;
      cursor.hidden = false;
      show(`${lines.x.quantity} ${said(at, lines.x)}\n${texts.join("\n")}`, frame.left + x, frame.top + top + 20);
    };
    let place = -1;
    plot.place.addEventListener("pointermove", (event) => {
      const frame = plot.place.querySelector("svg").getBoundingClientRect();
      const x = event.clientX - frame.left - plot.view.origin()[0];
      if (x < 0 || x > plot.view.width() || visible().length === 0) { hide(); return; }
      const values = visible()[0].x;
      place = nearest(values, plot.view.scale("x").invert(x));
      tell(values[place]);
    });
    plot.place.addEventListener("pointerleave", hide);
    plot.move = (key) => {
      const values = visible()[0]?.x;
      if (values === undefined) return;
      const step = Math.ceil(values.length / 40), last = values.length - 1;
      const to = { ArrowLeft: place - step, ArrowRight: place + step, Home: 0, End: last }[key];
      if (to === undefined) return;
      place = Math.max(0, Math.min(last, place < 0 ? 0 : to));
      tell(values[place]);
    };
  };

  // Left and right go through all marks, up and down to the nearest one of another series.
  const readMarks = (plot) => {
    const spot = document.createElement("div");
    spot.className = "spot";
    spot.hidden = true;
    plot.place.append(spot);
    let current = null;
    plot.clear = () => { spot.hidden = true; };
    plot.move = (key) => {
      const marks = [...plot.place.querySelectorAll("svg [aria-label]")]
        .filter((mark) => mark.getAttribute("aria-label").includes("\n"));
      if (marks.length === 0) return;
      const texts = marks.map((mark) => mark.getAttribute("aria-label"));
      const boxes = marks.map((mark) => mark.getBoundingClientRect());
      const series = texts.map((text) => text.split("\n")[0]);
      const names = [...new Set(series)];
      let place = texts.indexOf(current), last = marks.length - 1;
      if (place < 0) place = 0;
      else if (key === "ArrowRight") place = Math.min(place + 1, last);
      else if (key === "ArrowLeft") place = Math.max(place - 1, 0);
      else if (key === "Home" || key === "End") place = key === "Home" ? 0 : last;
      else {
        const by = key === "ArrowDown" ? 1 : names.length - 1;
        const other = names[(names.indexOf(series[place]) + by) % names.length];
        const far = (i) => Math.hypot(boxes[i].x - boxes[place].x, (boxes[i].y - boxes[place].y) / 1000);
        place = marks.map((_, i) => i).filter((i) => series[i] === other).sort((a, b) => far(a) - far(b))[0];
      }
      const frame = plot.place.getBoundingClientRect(), at = boxes[place];
      const x = at.x + at.width / 2, y = at.y + at.height / 2;
      hide();
      current = texts[place];
      shownBy = plot;
      spot.style.left = `${x - frame.x}px`;
      spot.style.top = `${y - frame.y}px`;
      spot.hidden = false;
      show(current, x, y);
    };
  };
  const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

  const charts = [];
  const drawPlot = async (chart, plot) => {
    const { data } = plot;
    const spec = { ...data.spec, config: theme(isDark(), isDark() ? data.dark : data.light) };
    if (data.lines) spec.data = { values: rows(data.lines) };
    const runtime = vega.parse(vegaLite.compile(spec).spec, null, { ast: true });
    const view = new vega.View(runtime, {
      expr: vega.expressionInterpreter, renderer: "svg", container: plot.canvas, hover: true,
    });
    view.tooltip(atPointer).signal("hidden", [...chart.hidden]);
    plot.view?.finalize();
    plot.view = view;
    await view.runAsync();
    // What a chart says is at its place; the drawing itself would only be said once more.
    plot.canvas.querySelector("svg").removeAttribute("aria-roledescription");
  };
  const draw = async (chart) => {
    hide();
    await Promise.all(chart.plots.map((plot) => drawPlot(chart, plot)));
    chart.buttons.forEach((button, i) => {
      button.firstChild.style.fill = chart.data.legend[i][isDark() ? "dark" : "light"];
    });
  };
  const glyph = (shape) => {
    const paths = {
      circle: "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z", square: "M-.9,-.9H.9V.9H-.9Z", "triangle-up": "M0,-1L1,.8H-1Z",
      "triangle-down": "M0,1L1,-.8H-1Z", diamond: "M0,-1L1,0L0,1L-1,0Z",
      cross: "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z",
    };
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "-1.1 -1.1 2.2 2.2");
    svg.setAttribute("aria-hidden", "true");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", paths[shape] ?? shape);
    svg.append(path);
    return svg;
  };
  const place = (title) => {
    const holder = document.createElement("div");
    holder.className = "plot";
    holder.tabIndex = 0;
    holder.setAttribute("role", "application");
    holder.setAttribute("aria-roledescription", "chart");
    holder.setAttribute("aria-label", `${title}. Arrow keys go through the values, Escape leaves them.`);
    const canvas = document.createElement("div");
    holder.append(canvas);
    return { holder, canvas };
  };
  const mount = async (holder, data) => {
    const chart = { data, hidden: new Set(), buttons: [], plots: [] };
    const live = document.createElement("div");
    live.className = "live";
    const title = document.createElement("p");
    title.className = "plot-title";
    title.textContent = data.title;
    live.append(title);
    data.plots.forEach((own) => {
      const { holder: spot, canvas } = place(own.title);
      const plot = { data: own, place: spot, canvas };
      if (own.lines) readLines(chart, plot); else readMarks(plot);
      spot.addEventListener("keydown", (event) => {
        if (!KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        plot.move(event.key);
      });
      spot.addEventListener("blur", hide);
      chart.plots.push(plot);
      live.append(spot);
    });
    const legend = document.createElement("div");
    legend.className = "legend";
    legend.setAttribute("role", "group");
    legend.setAttribute("aria-label", "Show or hide a series");
    for (const entry of data.legend) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(glyph(entry.shape), entry.name);
      button.addEventListener("click", () => {
        const shown = chart.hidden.delete(entry.name);
        if (!shown) chart.hidden.add(entry.name);
        button.setAttribute("aria-pressed", String(shown));
        hide();
        for (const plot of chart.plots) plot.view.signal("hidden", [...chart.hidden]).runAsync();
      });
      chart.buttons.push(button);
      legend.append(button);
    }
    live.append(legend);
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
