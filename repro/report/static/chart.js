// Scales, ticks and axes of a small chart.
const COLOURS = 8; // of curves, in the style sheet; dashes tell apart what some eyes take for one colour
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const look = (index) => ({
  class: `series s${index % COLOURS}`,
  "stroke-dasharray": DASHES[Math.floor(index / 4) % DASHES.length] || null,
});

function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
  return found;
}

function logTicks(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const each of [1, 2, 5]) found.push(each * 10 ** power);
  }
  return found.filter((each) => each >= low * 0.999 && each <= high * 1.001);
}

const short = (value) => String(Number(value.toPrecision(4)));

// A chart's frame: where values lie, and the axes drawn.
function frame({ width, height, x, y, logX = false, logY = false, xName, yName }) {
  const edge = { left: 52, right: 12, top: yName ? 30 : 10, bottom: 40 };
  const scale = ([low, high], from, to, log) => {
    const f = log ? Math.log10 : (value) => value;
    const span = f(high) - f(low) || 1;
    return (value) => from + ((to - from) * (f(value) - f(low))) / span;
  };
  const atX = scale(x, edge.left, width - edge.right, logX);
  const atY = scale(y, height - edge.bottom, edge.top, logY);
  const parts = [];
  const yTicks = logY ? logTicks(...y) : ticks(...y, 5);
  for (const value of yTicks) {
    parts.push(draw("line", { x1: edge.left, x2: width - edge.right, y1: atY(value), y2: atY(value), class: "grid" }));
    parts.push(draw("text", { x: edge.left - 8, y: atY(value) + 4, "text-anchor": "end" }, short(value)));
  }
  for (const value of logX ? logTicks(...x) : ticks(...x, Math.max(3, Math.round(width / 110)))) {
    parts.push(draw("text", { x: atX(value), y: height - edge.bottom + 18, "text-anchor": "middle" }, short(value)));
  }
  const floor = height - edge.bottom;
  parts.push(draw("line", { x1: edge.left, x2: width - edge.right, y1: floor, y2: floor, class: "axis" }));
  parts.push(draw("text", { x: width - edge.right, y: height - 6, "text-anchor": "end", class: "name" }, xName));
  if (yName) parts.push(draw("text", { x: edge.left - 8, y: 14, "text-anchor": "start", class: "name" }, yName));
  return { atX, atY, edge, parts };
}

const widthOf = (element) => Math.max(280, Math.min(element.clientWidth || 640, 1100));
