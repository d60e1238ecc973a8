// Sorting, filtering and choosing the columns of every table.
function valueOf(row, index) {
  const cell = row.cells[index];
  if (!cell) return "";
  const text = "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim();
  const number = Number.parseFloat(text.replace("×", ""));
  return Number.isFinite(number) && /^[-+\d.]/.test(text) ? number : text;
}

// Empty cells come last whichever way is sorted; equal ones keep the order they are declared in.
function compareValues(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return sign * a.localeCompare(b, "en", { numeric: true });
}

function sortTable(table, header, direction) {
  const index = columnOf(table, header);
  const sign = direction === "ascending" ? 1 : -1;
  for (const body of table.tBodies) {
    const rule = body.querySelector(".rule");
    const rows = [...body.rows].filter((row) => row !== rule);
    rows.forEach((row, place) => { row.dataset.declared ??= place; });
    rows.sort((a, b) => Number(a.dataset.declared) - Number(b.dataset.declared));
    if (direction !== "none") rows.sort((a, b) => compareValues(valueOf(a, index), valueOf(b, index), sign));
    body.append(...rows);
  }
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction);
}

// Which cell of a body's row a header is over: the first column spans both rows of the head.
function columnOf(table, header) {
  const headers = [...table.tHead.querySelectorAll("th[aria-sort]")];
  return headers.indexOf(header);
}

function setUpSorting(table) {
  for (const header of table.tHead.querySelectorAll("th[aria-sort]")) {
    header.querySelector("button").addEventListener("click", () => {
      const first = valueOf(table.tBodies[0].rows[0], columnOf(table, header));
      const order = typeof first === "number" || header.className.includes("left") || !header.matches(".name")
        ? ["descending", "ascending", "none"] : ["ascending", "descending", "none"];
      const next = order[(order.indexOf(header.getAttribute("aria-sort")) + 1) % 3];
      sortTable(table, header, next);
    });
  }
}

function setUpFilters(exhibit) {
  const text = exhibit.querySelector(".filter");
  if (!text) return;
  const verdict = exhibit.querySelector(".verdicts");
  const said = exhibit.querySelector(".shown");
  const apply = () => {
    const rows = [...exhibit.querySelectorAll("tbody tr[data-name]")];
    const wanted = text.value.trim().toLowerCase();
    let count = 0;
    for (const row of rows) {
      const named = row.dataset.name.toLowerCase().includes(wanted);
      const judged = !verdict || !verdict.value || row.dataset.words.split("|").includes(verdict.value);
      row.hidden = !(named && judged);
      if (!row.hidden && row.closest("table").matches(".scores, .prose")) count += 1;
    }
    const all = rows.filter((row) => row.closest("table").matches(".scores, .prose")).length;
    said.textContent = count === all ? "" : `${count} of ${all} rows`;
  };
  text.addEventListener("input", apply);
  if (verdict) verdict.addEventListener("change", apply);
  exhibit.clearFilters = () => {
    text.value = "";
    if (verdict) verdict.value = "";
    apply();
  };
}

function setUpViews(exhibit) {
  const scores = exhibit.querySelector(".scores-view");
  const cost = exhibit.querySelector(".cost-view");
  const radios = [...exhibit.querySelectorAll(".views input")];
  exhibit.showView = (view) => {
    for (const radio of radios) radio.checked = radio.value === view;
    scores.hidden = view === "cost";
    cost.hidden = view !== "cost";
    scores.classList.toggle("all", view === "all");
  };
  for (const radio of radios) radio.addEventListener("change", () => exhibit.showView(radio.value));
}

// A link to a cell shows it, whatever is filtered or folded.
function showTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const exhibit = target && target.closest("article.exhibit");
  if (!exhibit || target === exhibit) return;
  if (exhibit.clearFilters) exhibit.clearFilters();
  if (exhibit.showView) exhibit.showView(target.matches(".further") ? "all" : "paper");
  const folded = target.closest("details");
  if (folded) folded.open = true;
  target.scrollIntoView({ block: "center", inline: "center" });
  const button = target.querySelector("button");
  if (button) button.focus({ preventScroll: true });
}

for (const table of document.querySelectorAll("main table")) setUpSorting(table);
for (const exhibit of document.querySelectorAll(".exhibit")) {
  setUpFilters(exhibit);
  if (exhibit.querySelector(".views")) setUpViews(exhibit);
}
addEventListener("hashchange", showTarget);
showTarget();
