// Loss curves: a panel a quantity, a key that switches and reads them, a slider along the axis.
function nearest(xs, x) {
  let best = 0;
  xs.forEach((each, index) => { if (Math.abs(each - x) < Math.abs(xs[best] - x)) best = index; });
  return best;
}

function path(xs, ys, atX, atY) {
  return xs.map((x, index) => `${index ? "L" : "M"}${atX(x).toFixed(1)} ${atY(ys[index]).toFixed(1)}`).join("");
}

function band(curve, atX, atY, floor) {
  const high = curve.x.map((x, i) => [atX(x), atY(curve.y[i] + curve.spread[i])]);
  const low = curve.x.map((x, i) => [atX(x), atY(Math.max(curve.y[i] - curve.spread[i], floor))]).reverse();
  return `M${[...high, ...low].map((point) => point.map((each) => each.toFixed(1)).join(" ")).join("L")}Z`;
}

class Curves {
  constructor(holder, plots) {
    this.holder = holder;
    this.plots = plots;
    this.hidden = new Set();
    this.log = false;
    this.select(0);
  }

  select(index) {
    this.plot = this.plots[index];
    this.rows = [...new Set(this.plot.panels.flatMap((panel) => panel.curves.map((curve) => curve.row)))];
    const all = this.plot.panels.flatMap((panel) => panel.curves.flatMap((curve) => curve.x));
    this.range = [Math.min(...all), Math.max(...all)];
    this.at = this.range[1];
    this.hidden.clear();
    this.build(index);
  }

  build(index) {
    const table = choose("Table", this.plots.map((plot) => plot.name), (value) => {
      this.select(value);
      this.holder.querySelector("select").focus();
    });
    table.querySelector("select").value = index;
    const log = make("input", { type: "checkbox", checked: this.log, onchange: (event) => {
      this.log = event.target.checked;
      this.drawPanels();
    } });
    this.panels = make("div", { class: "panels" });
    this.slider = make("input", {
      type: "range", min: this.range[0], max: this.range[1], step: (this.range[1] - this.range[0]) / 400 || 1,
      value: this.at, "aria-label": `Read the curves at this ${this.plot.axis}`,
      oninput: () => this.read(Number(this.slider.value)),
    });
    this.where = make("output", {});
    this.key = make("ul", { class: "curve-key" }, this.rows.map((row, place) => this.entry(row, place)));
    this.holder.replaceChildren(
      make("div", { class: "controls" }, table, make("label", {}, log, " logarithmic")),
      this.panels, make("div", { class: "along" }, this.slider, this.where), this.key,
      this.plot.note ? make("p", {}, this.plot.note) : "");
    this.drawPanels();
  }

  entry(row, place) {
    const sample = draw("svg", { viewBox: "0 0 28 10", width: 28, height: 10, "aria-hidden": "true" },
      draw("line", { x1: 0, x2: 28, y1: 5, y2: 5, ...look(place) }));
    const button = make("button", { type: "button", "aria-pressed": "true", onclick: () => {
      const off = !this.hidden.delete(row);
      if (off) this.hidden.add(row);
      button.setAttribute("aria-pressed", String(!off));
      this.drawPanels();
    } }, sample, make("span", { class: "row-name" }, row), make("span", { class: "readings" }));
    return make("li", {}, button);
  }

  drawPanels() {
    const count = this.plot.panels.length;
    const full = widthOf(this.holder);
    const width = full > 640 && count > 1 ? full / count - 12 : full;
    const seen = this.plot.panels.flatMap((p) => p.curves.filter((c) => !this.hidden.has(c.row)));
    const values = seen.flatMap((curve) => curve.y).filter((value) => !this.log || value > 0);
    const low = this.log ? Math.min(...values) : Math.min(0, ...values);
    const y = values.length ? [low, Math.max(...values) * 1.03 || 1] : [this.log ? 0.1 : 0, 1];
    this.lines = [];
    this.panels.replaceChildren(...this.plot.panels.map((panel) => this.panel(panel, width, y)));
    this.read(this.at);
  }

  panel(panel, width, y) {
    const height = Math.round(Math.min(320, Math.max(220, width * 0.6)));
    const { atX, atY, edge, parts } = frame({ width, height, x: this.range, y, logY: this.log, xName: this.plot.axis });
    for (const curve of panel.curves.filter((each) => !this.hidden.has(each.row))) {
      const style = look(this.rows.indexOf(curve.row));
      if (curve.spread) {
        parts.push(draw("path", { d: band(curve, atX, atY, y[0]), class: `${style.class} band`, "data-row": curve.row }));
      }
      const kept = curve.x.map((_, i) => i).filter((i) => !this.log || curve.y[i] > 0);
      const d = path(kept.map((i) => curve.x[i]), kept.map((i) => curve.y[i]), atX, atY);
      parts.push(draw("path", { d, fill: "none", ...style, "data-row": curve.row }));
      if (kept.length === 1) {
        parts.push(draw("circle", { cx: atX(curve.x[kept[0]]), cy: atY(curve.y[kept[0]]), r: 3, class: style.class }));
      }
    }
    const line = draw("line", { y1: edge.top, y2: height - edge.bottom, class: "cursor" });
    this.lines.push([line, atX]);
    const svg = draw("svg", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-label": `${panel.name} over ${this.plot.axis}: ${panel.curves.map((curve) => curve.row).join(", ")}`,
    }, parts, line);
    const inside = width - edge.left - edge.right;
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const share = (((event.clientX - box.left) * width) / box.width - edge.left) / inside;
      this.read(this.range[0] + Math.min(Math.max(share, 0), 1) * (this.range[1] - this.range[0]));
    });
    return make("figure", {}, make("figcaption", {}, panel.name), svg);
  }

  read(at) {
    this.at = at;
    this.slider.value = at;
    this.where.textContent = `${this.plot.axis} ${short(at)}`;
    for (const [line, atX] of this.lines) {
      line.setAttribute("x1", atX(at));
      line.setAttribute("x2", atX(at));
    }
    [...this.key.children].forEach((item, place) => {
      const said = this.plot.panels.map((panel) => {
        const curve = panel.curves.find((each) => each.row === this.rows[place]);
        if (!curve) return "–";
        const index = nearest(curve.x, at);
        return `${panel.name.split(" ")[0]} ${curve.y[index].toPrecision(3)}`
          + (curve.spread ? ` ± ${curve.spread[index].toPrecision(1)}` : "");
      });
      item.querySelector(".readings").textContent = this.hidden.has(this.rows[place]) ? "off" : said.join(" · ");
    });
  }
}

const curvesHolder = document.getElementById("curves-drawing");
if (curvesHolder) {
  const curves = new Curves(curvesHolder, DATA.curves);
  addEventListener("resize", () => curves.drawPanels());
}
