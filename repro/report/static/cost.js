// Score against cost: a point a system, the line of those that no cheaper one beats.
class Cost {
  constructor(holder, plots) {
    this.holder = holder;
    this.plots = plots;
    this.show(0);
  }

  show(index) {
    this.plot = this.plots[index];
    this.scores = [...new Set(this.plot.points.flatMap((point) => Object.keys(point.scores)))];
    this.costs = Object.keys(this.plot.points[0].cost).filter((name) =>
      this.plot.points.some((point) => point.cost[name] > 0));
    [this.score, this.cost] = [this.scores[0], this.costs[0]];
    const table = choose("Table", this.plots.map((plot) => plot.name), (value) => {
      this.show(value);
      this.holder.querySelector("select").focus();
    });
    table.querySelector("select").value = index;
    const score = choose("Score", this.scores, (value) => { this.score = this.scores[value]; this.drawPoints(); });
    const cost = choose("Cost", this.costs, (value) => { this.cost = this.costs[value]; this.drawPoints(); });
    this.stage = make("figure", {});
    this.said = make("output", { class: "reading", "aria-live": "polite" });
    this.holder.replaceChildren(make("div", { class: "controls" }, table, score, cost), this.stage, this.said);
    this.drawPoints();
  }

  drawPoints() {
    const points = this.plot.points
      .map((point) => ({ row: point.row, x: point.cost[this.cost], y: point.scores[this.score] }))
      .filter((point) => point.x > 0 && point.y !== undefined)
      .sort((a, b) => a.x - b.x);
    this.said.textContent = points.length ? "" : "Nothing was measured of this pair.";
    if (!points.length) return this.stage.replaceChildren();
    const width = widthOf(this.holder);
    const height = Math.round(Math.min(420, Math.max(300, width * 0.45)));
    const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
    const margin = (Math.max(...ys) - Math.min(...ys)) * 0.12 || 1;
    const { atX, atY, edge, parts } = frame({
      width, height, logX: true, xName: this.cost, yName: this.score,
      x: [Math.min(...xs) * 0.8, Math.max(...xs) * 1.25], y: [Math.min(...ys) - margin, Math.max(...ys) + margin],
    });
    const front = points.filter((point, i) => points.every((other, j) =>
      other === point || other.y < point.y || other.x > point.x || (other.x === point.x && j > i)));
    const d = path(front.map((point) => point.x), front.map((point) => point.y), atX, atY);
    parts.push(draw("path", { d, class: "front" }));
    const taken = points.map((point) => [atX(point.x) - 7, atX(point.x) + 7, atY(point.y) + 4]);
    for (const point of points) parts.push(this.point(point, atX(point.x), atY(point.y), width, edge, taken));
    this.stage.replaceChildren(draw("svg", {
      viewBox: `0 0 ${width} ${height}`, width, height, role: "group",
      "aria-label": `${this.score} against ${this.cost}, ${points.length} systems`,
    }, parts));
    return undefined;
  }

  // A name stands beside its point where no other name is, above or below it; else only when the point is asked.
  point(point, x, y, width, edge, taken) {
    const text = `${point.row}: ${this.score} ${short(point.y)}, ${this.cost} ${short(point.x)}`;
    const say = () => { this.said.textContent = text; };
    const long = point.row.length * 6.6;
    const sides = [x + 10, x - 10 - long].filter((from) => from > edge.left && from + long < width - edge.right);
    const places = [4, -10, 18, -24, 32].flatMap((shift) => sides.map((from) => [from, y + shift]));
    const free = places.find(([left, place]) =>
      taken.every(([from, to, other]) => to < left || from > left + long || Math.abs(other - place) > 12));
    const name = free && draw("text", { x: free[0], y: free[1], class: "point-name" }, point.row);
    if (free) taken.push([free[0], free[0] + long, free[1]]);
    return draw("g", { tabindex: 0, role: "img", "aria-label": text, onfocus: say, onpointerenter: say },
      draw("circle", { cx: x, cy: y, r: 5.5, class: "point" }), name);
  }
}

const costHolder = document.getElementById("cost-drawing");
if (costHolder) {
  const cost = new Cost(costHolder, DATA.costs);
  addEventListener("resize", () => cost.drawPoints());
}
