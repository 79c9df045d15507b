"use strict";
// Shows the functions: a row each, and a function's part when it is opened. Text is only ever set as text.
(() => {
  const index = JSON.parse(document.getElementById("index-data").textContent);
  let details = null; // read when the first function is opened
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const form = $(".controls"), table = $("table.functions"), body = $("tbody", table), count = $(".count");
  const controls = form.elements;
  const FLAGS = { b: "bad pair", x: "broken snippets", d: "other parameter list" };
  const narrow = matchMedia("(max-width: 44rem)"); // a phone: one run's column, marks under the name

  function el(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "on") made.addEventListener("click", value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const kindOf = (letter) => index.kinds[letter.toLowerCase()];
  const load = () => (details ??= JSON.parse(document.getElementById("details-data").textContent));
  const chip = (kind) => el("span", { class: "kind", "data-kind": kind }, kind);

  // ---- the rows
  const rows = [];
  index.benchmarks.forEach((benchmark, b) => {
    const runs = index.runs.map((run, r) => r).filter((r) => index.runs[r].benchmark === b);
    benchmark.problems.forEach(([id, name, flags], p) => {
      const key = `case-${b ? `b${b + 1}-` : ""}${id}`;
      rows.push({ b, p, id, name, flags, key, runs, text: `${id} ${name}`.toLowerCase(), chosen: null, row: null, part: null });
    });
  });
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const outcomes = (row, r) => index.runs[r].outcomes[row.p];
  const passes = (row, r) => [...outcomes(row, r)].filter((letter) => letter === "p").length;
  const judged = (row, r) => [...outcomes(row, r)].filter((letter) => letter !== "i").length;
  const share = (row, r) => (judged(row, r) ? passes(row, r) / judged(row, r) : -1);
  const words = (row, r) => {
    const counts = new Map();
    for (const letter of outcomes(row, r)) if (letter !== "p") counts.set(kindOf(letter), (counts.get(kindOf(letter)) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).map(([kind, n]) => `${n} ${kind}`).join(", ");
  };

  // ---- the controls
  const state = { sort: "id", descending: false };
  const option = (value, text) => el("option", { value }, text);
  const benchmark = () => Number(controls.benchmark.value);
  const runsShown = () => index.runs.map((run, r) => r).filter((r) => index.runs[r].benchmark === benchmark());
  const mainRun = () => Number(controls.run.value);

  function setUpControls() {
    index.benchmarks.forEach(({ name, direction }, b) => controls.benchmark.append(option(b, `${name}, ${direction === "c2cuda" ? "C to CUDA" : "CUDA to C"}`)));
    controls.benchmark.parentElement.hidden = index.benchmarks.length < 2;
    fillRuns();
    controls.outcome.append(option("", "any"), option("+all", "every sample passes"), option("+some", "some samples pass"), option("+none", "no sample passes"));
    const seen = new Set(index.runs.flatMap((run) => [...run.outcomes.join("")]));
    for (const [letter, kind] of Object.entries(index.kinds)) {
      if (letter !== "p" && (seen.has(letter) || seen.has(letter.toUpperCase()))) controls.outcome.append(option(letter, kind));
    }
    if ([...seen].some((letter) => letter !== letter.toLowerCase())) controls.outcome.append(option("+signature", "only its parameter list"));
    form.hidden = table.hidden = false;
    form.addEventListener("submit", (event) => event.preventDefault());
    const changed = (event) => {
      if (event.target.name === "benchmark") fillRuns();
      if (event.target.name === "benchmark" || event.target.name === "run") head();
      show();
    };
    controls.text.addEventListener("input", changed);
    form.addEventListener("change", changed);
    form.addEventListener("reset", () => setTimeout(() => { fillRuns(); head(); show(); }));
    controls.open.addEventListener("click", () => visible().forEach((row) => open(row)));
    controls.close.addEventListener("click", () => rows.forEach(close));
  }
  function fillRuns() {
    controls.run.replaceChildren(...runsShown().map((r) => option(r, index.runs[r].name)));
    controls.run.parentElement.hidden = runsShown().length < 2;
  }

  const matchesOutcome = (letters, wanted) => {
    const right = [...letters].filter((letter) => letter === "p").length, of = [...letters].filter((letter) => letter !== "i").length;
    if (wanted === "+all") return of > 0 && right === of;
    if (wanted === "+some") return right > 0;
    if (wanted === "+none") return right === 0;
    if (wanted === "+signature") return /[A-Z]/.test(letters);
    return letters.toLowerCase().includes(wanted);
  };
  function matches(row) {
    const wanted = controls.outcome.value, pairs = controls.pairs.value;
    if (row.b !== benchmark() || !row.text.includes(controls.text.value.trim().toLowerCase())) return false;
    if (pairs === "sound" ? /[bx]/.test(row.flags) : pairs && !row.flags.includes(pairs)) return false;
    return !wanted || matchesOutcome(outcomes(row, mainRun()), wanted);
  }
  const KEYS = {
    id: (row) => row.id,
    name: (row) => row.name.toLowerCase(),
    outcome: (row) => words(row, mainRun()),
    flags: (row) => row.flags,
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  function visible() {
    const key = KEYS[state.sort] ?? ((row) => share(row, Number(state.sort.slice(4))));
    const sign = state.descending ? -1 : 1;
    return rows.filter(matches).sort((a, b) => sign * compare(key(a), key(b)) || compare(a.id, b.id));
  }

  function head() {
    const runs = narrow.matches || runsShown().length > 4 ? [mainRun()] : runsShown();
    const column = (key, label, cls) => {
      const button = el("button", { type: "button", on: () => { state.descending = state.sort === key ? !state.descending : key.startsWith("run-"); state.sort = key; head(); show(); } }, label);
      const sorted = state.sort === key ? (state.descending ? "descending" : "ascending") : "none";
      return el("th", { scope: "col", class: cls, "aria-sort": sorted }, button);
    };
    const passing = runs.map((r) => column(`run-${r}`, runsShown().length > 1 ? `Pass, ${index.runs[r].name}` : "Pass", "pass number"));
    $("thead tr", table).replaceChildren(column("id", "#", "id"), column("name", "Function", null), ...passing, column("outcome", "Failures", "bar"), ...(narrow.matches ? [] : [column("flags", "Marks", "marks")]));
    const columns = $("thead tr", table).children.length;
    for (const row of rows) {
      row.row?.remove();
      row.row = null;
      if (row.part) row.part.firstChild.colSpan = columns;
    }
    table.dataset.runs = runs.join(" ");
  }
  function makeRow(row) {
    const toggle = el("button", { type: "button", "aria-expanded": String(row.part !== null), "aria-controls": `${row.key}-part` }, row.name || `problem ${row.id}`);
    const runs = table.dataset.runs.split(" ").map(Number);
    const r = mainRun(), letters = outcomes(row, r);
    const strip = el("div", { class: "strip", "aria-hidden": "true" }, ...[...letters].sort((a, b) => (b === "p") - (a === "p") || compare(a, b)).map((letter) => el("i", { "data-kind": kindOf(letter) })));
    const marks = el("div", {}, ...[...row.flags].map((flag) => el("span", { class: "tag" }, FLAGS[flag])));
    const made = el("tr", { class: row.part ? "case open" : "case", id: row.key },
      el("td", { class: "id" }, String(row.id)), el("td", { class: "name" }, toggle, narrow.matches ? marks : null),
      ...runs.map((run) => el("td", { class: "pass number" }, outcomes(row, run) ? `${passes(row, run)} of ${judged(row, run)}` : "–")),
      el("td", { class: "bar" }, el("span", { class: "words" }, words(row, r) || "none"), strip),
      narrow.matches ? null : el("td", { class: "marks" }, marks));
    made.addEventListener("click", (event) => { if (!event.target.closest("a")) (row.part ? close : open)(row); });
    return made;
  }
  function show() {
    const shown = visible(), wanted = controls.outcome.value;
    const parts = [];
    for (const row of shown) {
      row.row ??= makeRow(row);
      parts.push(row.row);
      if (row.part) parts.push(row.part);
    }
    body.replaceChildren(...parts);
    const total = index.benchmarks[benchmark()].problems.length;
    count.textContent = `${shown.length} of ${total} functions${wanted ? `, by the samples of ${index.runs[mainRun()].name}` : ""}`;
  }

  // ---- one function
  function open(row, r = null, number = null) {
    load();
    if (row.part && r === null && number === null) return;
    const wanted = controls.outcome.value, run = r ?? (row.runs.includes(mainRun()) ? mainRun() : row.runs[0]);
    const samples = details.runs[run][row.p].samples ?? [];
    let place = number === null ? -1 : samples.findIndex((sample) => sample[0] === number);
    if (place < 0 && wanted && !/^\+(all|some|none)/.test(wanted)) {
      place = [...outcomes(row, run)].findIndex((letter) => matchesOutcome(letter, wanted));
    }
    row.chosen = { run, place: Math.max(0, place), side: "translation" };
    const cell = el("td", { class: "part", colspan: String($("thead tr", table).children.length) });
    const part = el("tr", { class: "part-row", id: `${row.key}-part` }, cell);
    if (row.part) row.part.replaceWith(part);
    else if (row.row?.isConnected) row.row.after(part);
    row.part = part;
    fill(row);
    mark(row, true);
  }
  function close(row) {
    row.part?.remove();
    row.part = null;
    mark(row, false);
  }
  function mark(row, opened) {
    row.row?.classList.toggle("open", opened);
    if (row.row) $("button", row.row).setAttribute("aria-expanded", String(opened));
  }
  function choose(row, changes, focus) {
    Object.assign(row.chosen, changes);
    fill(row);
    $(focus, row.part)?.focus();
    history.replaceState(null, "", link(row));
  }
  const link = (row) => {
    const { run, place } = row.chosen, sample = details.runs[run][row.p].samples?.[place];
    return `#${encodeURIComponent(row.key)}${row.runs.length > 1 ? `/run-${run + 1}` : ""}${place && sample ? `/sample-${sample[0]}` : ""}`;
  };

  function fill(row) {
    const { run, place } = row.chosen, cell = row.part.firstChild;
    const problem = details.problems[row.b][row.p], tried = details.runs[run][row.p], sample = tried.samples?.[place];
    const judgement = sample ? details.judgements[sample[2]] : null;
    cell.replaceChildren(...[
      problem.bad ? el("p", { class: "note warn" }, el("strong", {}, "Bad pair. "), `The benchmark's own reference is not shown to be right: ${problem.bad}`) : null,
      problem.broken ? el("p", { class: "note warn" }, el("strong", {}, "Broken snippets. "), problem.broken) : null,
      row.flags.includes("d") ? el("p", { class: "note" }, "The reference's wrapper passes other parameters to the kernel than the source function has.") : null,
      runPicker(row), samplePicker(row, tried), judgement ? verdict(judgement, sample) : el("p", { class: "verdict" }, "This run has no translation of it."),
      sides(row, problem, sample, judgement),
      judgement ? evidence(judgement) : null,
      tests(problem, tried, judgement), footnote(row, tried, sample, judgement),
    ].filter(Boolean));
  }
  function runPicker(row) {
    if (row.runs.length < 2) return null;
    const buttons = row.runs.map((r) => el("button", { type: "button", "data-run": r, "aria-pressed": String(r === row.chosen.run), on: () => choose(row, { run: r, place: 0 }, `[data-run="${r}"]`) }, index.runs[r].name));
    return el("div", { class: "picker", role: "group", "aria-label": "Run" }, el("span", {}, "Run"), ...buttons);
  }
  function samplePicker(row, tried) {
    const samples = tried.samples ?? [];
    if (samples.length < 2) return null;
    const letters = outcomes(row, row.chosen.run);
    const buttons = samples.map(([number], place) => el("button", {
      type: "button", "data-place": place, "data-kind": kindOf(letters[place]), "aria-pressed": String(place === row.chosen.place),
      "aria-label": `sample ${number}, ${kindOf(letters[place])}`, title: kindOf(letters[place]), on: () => choose(row, { place }, `[data-place="${place}"]`),
    }, String(number)));
    return el("div", { class: "picker", role: "group", "aria-label": "Sample" }, el("span", {}, "Sample"), ...buttons);
  }
  function verdict(judgement, sample) {
    const kind = judgement.failure || "passed", reason = judgement.refusal || judgement.reason || "";
    const status = judgement.verdict.replaceAll("_", " "); // says no more than its kind where both are the same word
    const line = el("p", { class: "verdict" }, chip(kind), status === kind ? "" : ` ${status}`, reason ? `: ${reason}` : "");
    const message = judgement.message && !reason.includes(judgement.message) ? el("p", { class: "mono" }, judgement.message) : null;
    const signature = judgement.signature ? el("p", { class: "note warn" }, el("strong", {}, "Fails only because of its parameter list. "), judgement.signature) : null;
    return el("div", {}, line, message ?? "", signature ?? "");
  }
  function sides(row, problem, sample, judgement) {
    const [from, to] = index.benchmarks[row.b].direction === "c2cuda" ? ["C", "CUDA"] : ["CUDA", "C"];
    const choices = { translation: sample?.[1], reference: problem.reference, wrapper: problem.wrapper };
    if (choices.translation === undefined || choices.translation === null) delete choices.translation;
    const side = row.chosen.side in choices ? row.chosen.side : Object.keys(choices)[0];
    const buttons = Object.keys(choices).filter((name) => choices[name] !== undefined).map((name) => el("button", {
      type: "button", "data-side": name, "aria-pressed": String(name === side), on: () => choose(row, { side: name }, `[data-side="${name}"]`),
    }, name === "wrapper" ? "reference's wrapper" : name));
    const line = side === "translation" ? judgement?.fault?.place?.line : null;
    const other = side === "translation" ? judgement?.fault?.other?.line : null;
    return el("div", { class: "sides" },
      el("div", { class: "side" }, el("header", {}, el("strong", {}, from), " source"), code(problem.source, `${from} source`, [])),
      el("div", { class: "side" }, el("header", {}, el("strong", {}, to), ...buttons), code(choices[side], `${to} ${side}`, [line, other])));
  }
  function code(number, label, faults) {
    const [text, marks, broken] = details.texts[number];
    const made = el("pre", { tabindex: "0", role: "region", "aria-label": label });
    const letters = Array.from(text);
    let line = el("span", { class: "line" }), at = 0, lines = 1;
    const end = () => { if (!broken && faults.includes(lines)) line.classList.add("fault"); made.append(line); };
    for (const [, kind, length] of marks.matchAll(/([a-z.])(\d+)/g)) {
      const pieces = letters.slice(at, (at += Number(length))).join("").split("\n");
      pieces.forEach((piece, i) => {
        if (i) { line.append("\n"); end(); line = el("span", { class: "line" }); lines += 1; }
        if (piece) line.append(kind === "." ? piece : el("span", { class: kind }, piece));
      });
    }
    if (line.childNodes.length) end();
    return made;
  }
  function grid(caption, headings, lines) {
    const row = (cells, options = {}) => el("tr", options, ...cells);
    return el("div", {}, el("h4", {}, caption), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      el("table", {}, headings.length ? el("thead", {}, row(headings.map((text) => el("th", { scope: "col" }, text)))) : null, el("tbody", {}, ...lines.map((line) => row(line.cells, line.options))))));
  }
  const mono = (text) => el("td", { class: "mono" }, text);
  const heading = (text) => el("th", { scope: "row" }, text);
  function evidence(judgement) {
    const parts = [];
    const example = judgement.counterexample;
    if (example) {
      const lines = Object.entries(example.inputs).map(([name, value]) => ({ cells: [heading(name), mono(value)] }));
      const place = example.index === undefined || example.index === null ? example.where : `${example.where}[${example.index}]`;
      lines.push({ cells: [heading(`${place}, expected`), mono(example.expected)], options: { class: "differs" } }, { cells: [heading(`${place}, got`), mono(example.got)], options: { class: "differs" } });
      parts.push(grid(`Counterexample, ${example.test}`, [], lines));
    }
    const fault = judgement.fault;
    if (fault) {
      const where = (place) => [place.file ? `${place.file}${place.line ? `:${place.line}` : ""}` : "", place.kernel, place.block ? `block (${place.block})` : "", place.thread ? `thread (${place.thread})` : ""].filter(Boolean).join(", ");
      const lines = [["kind", fault.kind.replaceAll("_", " ")], ["what", fault.text], ["where", where(fault.place)]];
      if (fault.array) lines.push(["array", fault.index === undefined || fault.index === null ? fault.array : `${fault.array}[${fault.index}]`]);
      if (fault.other) lines.push(["and", where(fault.other)]);
      parts.push(grid("Fault", [], lines.filter(([, text]) => text).map(([name, text]) => ({ cells: [heading(name), mono(text)] }))));
    }
    const time = judgement.time;
    if (time) {
      const milliseconds = (value) => `${value.toPrecision(3)} ms`;
      parts.push(grid(`Time, median of ${time.repeats}`, [], [["translation", milliseconds(time.translation)], ["reference", milliseconds(time.reference)], ["sequential, on the CPU", milliseconds(time.sequential)], ["threads", String(time.threads)]].map(([name, text]) => ({ cells: [heading(name), mono(text)] }))));
    }
    return parts.length ? el("div", { class: "evidence" }, ...parts) : null;
  }
  function tests(problem, tried, judgement) {
    const results = judgement?.results ?? "", texts = problem.tests ?? [], items = new Map((tried.items ?? []).map((item) => [item[0], item]));
    const total = Math.max(results.length, texts.length, ...[...items.keys()].map((test) => test + 1), 0);
    if (!total) return null;
    const result = (letter) => letter === "1" ? el("span", { class: "yes" }, "passed") : letter === "0" ? el("span", { class: "no" }, "failed") : letter === "-" ? "does not count" : "not run";
    const lines = Array.from({ length: total }, (unused, test) => {
      const cells = [heading(String(test + 1)), el("td", {}, result(results[test])), el("td", { class: "mono call" }, texts[test] ?? "made by the fuzz Tester")];
      if (items.size) {
        const item = items.get(test), figure = (value) => el("td", { class: "number" }, value === null || value === undefined ? "–" : value.toFixed(2));
        cells.push(el("td", { class: "number" }, item ? `${item[1]} of ${item[2]}` : "–"), figure(item?.[3]), figure(item?.[4]), el("td", {}, !item ? "" : item[4] === null ? "tells nothing" : item[5] ? "needed" : "implied"));
      }
      return { cells };
    });
    const given = judgement?.tests, counts = given ? `, ${given.passed ?? 0} of ${given.run ?? 0} passed` : "";
    return grid(`Tests${counts}`, ["#", "Result", "Call", ...(items.size ? ["Failed by", "Difficulty", "Discrim.", "In the set"] : [])], lines);
  }
  function footnote(row, tried, sample, judgement) {
    const parts = [];
    const strength = tried.strength ?? {}, mutants = strength.mutants;
    const covered = ({ line, branch }) => `${line.toFixed(0)} % of the lines${branch === undefined ? "" : ` and ${branch.toFixed(0)} % of the branches`}`;
    if (strength.coverage) parts.push(`tests cover ${covered(strength.coverage)}`);
    if (strength.cuda_coverage) parts.push(`in the reference's kernels ${covered(strength.cuda_coverage)}`);
    if (mutants) parts.push(`they find ${mutants.killed} of ${mutants.killed + mutants.survived} planted faults`);
    if (judgement?.compiles !== undefined) parts.push(judgement.compiles ? "compiles" : "does not compile");
    if (judgement?.schedules) parts.push(`schedules: ${judgement.schedules.join(", ")}`);
    if (judgement?.device) parts.push(judgement.device);
    if (sample?.[3]) parts.push(`written in ${sample[3]} s`);
    return el("p", { class: "fine" }, parts.join("; "), parts.length ? ". " : "", el("a", { href: link(row) }, "Link to this"));
  }

  // ---- other tables, and links into the page
  function sortable(table) {
    const headings = all("thead th", table);
    headings.forEach((heading, column) => {
      if (heading.classList.contains("plainhead")) return;
      const button = el("button", { type: "button" }, ...heading.childNodes);
      heading.append(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const number = heading.classList.contains("number");
        const descending = heading.getAttribute("aria-sort") === "none" ? number : heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => { if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none"); });
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        all("tbody", table).forEach((group) => sortGroup(group, column, number, descending));
      });
    });
  }
  function sortGroup(group, column, number, descending) {
    const text = (row) => (row.children[column]?.querySelector(".value") ?? row.children[column])?.textContent.trim() ?? "";
    const key = (row) => (number ? Number.parseFloat(text(row)) : text(row));
    const lines = all("tr:not(.group)", group).map((row) => [key(row), row]);
    lines.sort(([a], [b]) => {
      if (number && (Number.isNaN(a) || Number.isNaN(b))) return Number(Number.isNaN(a)) - Number(Number.isNaN(b)); // what has no figure comes last
      return (descending ? -1 : 1) * compare(a, b);
    });
    group.append(...lines.map(([, row]) => row));
  }
  function follow() {
    const text = decodeURIComponent(location.hash.slice(1));
    const [, key, run, sample] = /^(.*?)(?:\/run-(\d+))?(?:\/sample-(\d+))?$/s.exec(text) ?? [];
    const row = byKey.get(text) ?? byKey.get(key);
    if (!row) return;
    if (row.b !== benchmark() || !matches(row)) {
      form.reset();
      controls.benchmark.value = String(row.b);
      fillRuns();
      head();
    }
    show();
    const r = run === undefined ? null : Number(run) - 1;
    open(row, row.runs.includes(r) ? r : null, sample === undefined ? null : Number(sample));
    row.row.scrollIntoView();
  }

  setUpControls();
  head();
  show();
  all("table.sortable").forEach(sortable);
  addEventListener("hashchange", follow);
  narrow.addEventListener("change", () => { head(); show(); });
  follow();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
