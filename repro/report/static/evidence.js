// The evidence behind a number, in a dialog.
const dialog = document.getElementById("evidence");

const seconds = (value) => (value >= 5400 ? `${(value / 3600).toFixed(1)} h` : value >= 90
  ? `${(value / 60).toFixed(0)} min` : `${value.toFixed(0)} s`);

function section(title, ...children) {
  return make("section", {}, make("h3", {}, title), ...children);
}

function facts(pairs) {
  const entries = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return make("dl", { class: "facts" }, entries.map(([what, which]) =>
    make("div", {}, make("dt", {}, what), make("dd", {}, which))));
}

// Where the seeds lie beside the reported number: a line with the tolerance, the interval, the mean and each seed.
function spread(cell) {
  const reported = cell.reported ? Number.parseFloat(cell.reported) : null;
  const ends = [...cell.scores, ...(cell.interval || []), ...(cell.target || [])];
  if (reported !== null) ends.push(reported);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const margin = Math.max((high - low) * 0.08, 10 ** -cell.digits);
  const width = Math.min(innerWidth, 720) - 40;
  const x = (value) => 10 + ((width - 20) * (value - low + margin)) / (high - low + 2 * margin);
  const parts = [draw("line", { x1: 10, x2: width - 10, y1: 34, y2: 34, class: "axis" })];
  if (cell.target) {
    const [from, to] = cell.target.map(x);
    parts.push(draw("rect", { x: from, y: 14, width: Math.max(to - from, 2), height: 40, class: "target" }));
  }
  if (reported !== null) parts.push(...marked(x(reported), width, `reported ${cell.reported}`, 10, "reported"));
  if (cell.interval) {
    const [from, to] = cell.interval.map(x);
    parts.push(draw("line", { x1: from, x2: to, y1: 34, y2: 34, class: "interval" }));
  }
  for (const score of cell.scores) parts.push(draw("circle", { cx: x(score), cy: 34, r: 5, class: "seed" }));
  parts.push(...marked(x(cell.mean), width, `measured ${cell.mean.toFixed(cell.digits)}`, 68, "measured"));
  const said = `${cell.scores.length} seeds: ${cell.scores.join(", ")}`
    + (cell.reported ? `; reported ${cell.reported}` : "");
  return draw("svg", { viewBox: `0 0 ${width} 74`, class: "spread", role: "img", "aria-label": said }, parts);
}

function marked(x, width, text, y, kind) {
  const anchor = x < 120 ? "start" : x > width - 120 ? "end" : "middle";
  const from = kind === "reported" ? 14 : 40;
  return [
    draw("line", { x1: x, x2: x, y1: from, y2: kind === "reported" ? 54 : 56, class: `mark ${kind}` }),
    draw("text", { x, y, "text-anchor": anchor, class: kind }, text),
  ];
}

function runsTable(cell, group) {
  const rows = group.runs.map((run, index) => make("tr", {},
    make("th", { scope: "row" }, String(run.seed)),
    make("td", { class: "number" }, cell.scores[index] === undefined ? "" : cell.scores[index].toFixed(cell.digits)),
    make("td", {}, make("code", {}, run.id)),
    make("td", {}, run.ended ? `${run.steps} steps (${run.ended}), ${seconds(run.seconds)}` : seconds(run.seconds)),
    make("td", {}, make("code", {}, run.commit), run.clean ? "" : " tree not clean")));
  const head = ["seed", "score", "run", "time", "commit"].map((name) => make("th", { scope: "col" }, name));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Runs" },
    make("table", { class: "small" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)));
}

function commandLine(command) {
  const copy = make("button", { type: "button", class: "copy", onclick: async () => {
    try {
      await navigator.clipboard.writeText(command);
      copy.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      copy.textContent = "selected";
    }
  } }, "copy");
  const code = make("code", {}, command);
  return make("div", { class: "command" }, code, copy);
}

function classBars(classes, iou) {
  const entries = classes.map((name, index) => {
    const known = iou[index].filter((value) => value !== null).map((value) => value / 100);
    const mean = known.length ? known.reduce((a, b) => a + b) / known.length : null;
    const bar = make("span", { class: "bar" });
    if (mean !== null) {
      bar.append(make("span", { class: "length", style: `width: ${mean}%` }));
      if (known.length > 1) {
        const [low, high] = [Math.min(...known), Math.max(...known)];
        bar.append(make("span", { class: "range", style: `left: ${low}%; width: ${high - low}%` }));
      }
    }
    return make("li", {}, make("span", { class: "class" }, name), bar,
      make("span", { class: "number" }, mean === null ? "absent" : mean.toFixed(1)));
  });
  return make("ul", { class: "bars" }, entries);
}

function confusion(classes, shares) {
  const head = make("tr", {}, make("th", { scope: "col" }, "label \\ predicted"),
    classes.map((name) => make("th", { scope: "col", class: "tilted", title: name }, make("span", {}, name))));
  const rows = shares.map((row, label) => make("tr", {}, make("th", { scope: "row", title: classes[label] }, classes[label]),
    row.map((share, predicted) => make("td", {
      class: label === predicted ? "right" : "wrong",
      "data-dark": share > 500,
      style: `--share: ${Math.round(share / 10)}%`,
      title: `${classes[label]} predicted as ${classes[predicted]}: ${(share / 10).toFixed(1)} %`,
    }, share >= 5 ? String(Math.round(share / 10)) : ""))));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
    make("table", { class: "confusion" }, make("thead", {}, head), make("tbody", {}, rows)));
}

function provenance(group) {
  const machines = [...new Set(group.runs.flatMap((run) => run.machines))].map((index) => DATA.machines[index]);
  const each = (value) => [...new Set(machines.map(value))].join("; ");
  const libraries = (one) => Object.entries(one.libraries || {}).map((pair) => pair.join(" ")).join(", ");
  return facts([
    ["machine kind", [...new Set(group.runs.map((run) => run.kind))].join("; ")],
    ["device", each((one) => one.device)],
    ["processor", each((one) => one.cpu)],
    ["Python", each((one) => one.python)],
    ["versions", each(libraries)],
  ]);
}

function protocol(cell, group) {
  const [weights, labels, region] = cell.evaluation.split(" ");
  const scored = `${weights} weights, labels at ${labels} size, ${region.replaceAll("_", " ")}`;
  return [
    facts([["score", cell.score], ["scored", scored], ["network", group.network],
      ...Object.entries(group.options), ...Object.entries(group.recipe)]),
    make("ul", { class: "lists" }, group.lists.map((line) => make("li", {}, line))),
  ];
}

function evidenceOf(cell) {
  const close = make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() },
    "×");
  const parts = [make("header", {},
    make("p", { class: "over" }, `${cell.table} · ${cell.place}`),
    make("h2", { id: "evidence-title" }, `${cell.row}, ${cell.column}`), close)];
  const word = cell.word && make("p", { class: "verdict" }, chip(cell.slug, cell.letter, cell.word),
    make("span", {}, make("strong", {}, cell.word), cell.because ? `. ${cell.because}` : ""));
  parts.push(word, cell.why && make("p", {}, cell.why));
  const group = cell.group && DATA.groups[cell.group];
  if (group) {
    const counted = group.evaluations[cell.evaluation];
    parts.push(
      section(`Seeds${cell.data ? `, on ${cell.data}` : ""}`, spread(cell), group.runs.length ? runsTable(cell, group) : null,
        cell.reruns.map(([kind, scores]) => make("p", {}, `Re-run on ${kind}: ${scores.join(", ")}`))),
      section("IoU by class", classBars(group.classes, counted.iou)),
      section("Confusion, per cent of each label's pixels", confusion(group.classes, counted.confusion)));
  } else if (cell.reported) parts.push(make("p", {}, `Reported: ${cell.reported}.`));
  if (cell.command) parts.push(section(group ? "Repeat it" : "Measure it", commandLine(cell.command)));
  if (group) parts.push(section("Protocol", protocol(cell, group)));
  if (group && group.runs.length) parts.push(section("Machine", provenance(group)));
  return parts;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-cell]");
  if (button) {
    dialog.replaceChildren(...evidenceOf(DATA.cells[button.dataset.cell]).filter(Boolean));
    dialog.showModal();
    dialog.scrollTop = 0;
  } else if (event.target === dialog) dialog.close(); // outside of what it holds
});
