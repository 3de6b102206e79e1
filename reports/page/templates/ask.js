// The questions: filters, budgets, a chart of any two quantities. Without scripts the page has its pictures.
const source = document.getElementById("rows");
if (source) {
  const all = JSON.parse(source.textContent);
  const ask = document.getElementById("ask");
  const form = ask.querySelector("form");
  const text = (column, row) => all[column].values[all[column].at[row]];
  const rows = all.view.map((_, row) => row);
  const ends = (name) => (row) => [all[`${name}_low`][row], all[name][row], all[`${name}_high`][row]];
  const exact = (name) => (row) => [all[name][row], all[name][row], all[name][row]];
  const times = (factor, of) => (row) => of(row).map((value) => (value === null ? null : value * factor));
  const AXES = {
    latency: { name: "latency, µs per second of audio", of: ends("latency"), log: true },
    alone: { name: "latency of the file alone, µs", of: ends("alone"), log: true },
    size: { name: "size of the file, MB", of: times(1e-6, exact("size")), log: true },
    memory: { name: "peak memory, MiB", of: exact("memory"), log: true },
    load: { name: "time to load, µs", of: exact("load"), log: true },
    score: { name: "accuracy, %", of: times(100, ends("score")), log: false },
  };
  const BUDGETS = {
    latency: { name: "latency", of: ends("latency") },
    core: { name: "share of a core", of: (row) => times(1e-4 * all.threads[row], ends("latency"))(row) },
    size: { name: "size", of: times(1e-6, exact("size")) },
    memory: { name: "memory", of: exact("memory") },
    lost: { name: "accuracy lost", of: times(100, ends("lost")) },
  };
  const number = (value, digits = 3) => {
    if (value === null || value === undefined) return "–";
    if (value === 0) return "0";
    const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
    const [whole, part] = Number(value.toPrecision(digits)).toFixed(decimals).split(".");
    return [whole.replace(/\B(?=(\d{3})+$)/g, "\u202f"), ...(part ? [part] : [])].join(".");
  };
  const range = ([low, value, high]) => (low === null || high === null || low === high ? number(value) : `${number(value)} (${number(low)} to ${number(high)})`);
  const element = (tag, attributes = {}, ...children) => {
    const made = tag.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4)) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // What can be chosen, and the choices in the address.
  const options = (name, pairs) => {
    form.elements[name].replaceChildren(...pairs.map(([value, words]) => element("option", { value }, words)));
    form.elements[name].closest("label").hidden = pairs.length < 2;
  };
  const distinct = (values) => [...new Set(values)];
  const choices = (column) => [["", "all"], ...distinct(rows.map((row) => text(column, row))).sort().map((value) => [value, value])];
  const only = (pairs) => (pairs.length > 2 ? pairs : [pairs[0]]);
  options("view", all.views.map((name, index) => [String(index), name]));
  options("beside", only([["", "none"], ...all.views.map((name, index) => [String(index), name])]));
  for (const column of ["format", "family", "delegate"]) options(column, only(choices(column)));
  options("hop", only([["", "all"], ...distinct(all.hop.filter((hop) => hop !== null)).sort((a, b) => a - b).map((hop) => [String(hop), `${hop} s`])]));
  const measured = Object.entries(AXES).filter(([, axis]) => rows.some((row) => axis.of(row)[1] !== null));
  const scored = measured.some(([name]) => name === "score");
  for (const axis of ["x", "y"]) options(axis, measured.map(([name, { name: words }]) => [name, words]));
  for (const [name, { of }] of Object.entries(BUDGETS)) {
    const known = rows.some((row) => of(row)[1] !== null);
    form.elements[name].closest("label").hidden = !known;
  }
  let zoom = null;
  const NAMES = ["view", "beside", "format", "family", "delegate", "hop", ...Object.keys(BUDGETS), "x", "y"];
  const standard = { view: "0", x: measured.some(([name]) => name === "latency") ? "latency" : "size", y: scored ? "score" : "latency" };
  const read = () => {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of NAMES) {
      const field = form.elements[name];
      const wanted = given.get(name) ?? standard[name] ?? "";
      field.value = wanted;
      if (field.value !== wanted) field.value = standard[name] ?? "";
    }
    const corners = (given.get("zoom") ?? "").split("_").map(Number);
    zoom = corners.length === 4 && corners.every(Number.isFinite) ? corners : null;
  };
  const write = () => {
    const kept = new URLSearchParams();
    for (const name of NAMES) {
      const { value } = form.elements[name];
      if (value !== (standard[name] ?? "")) kept.set(name, value);
    }
    if (zoom) kept.set("zoom", zoom.map((edge) => Number(edge.toPrecision(4))).join("_"));
    const filter = document.querySelector("#results .filter")?.value;
    if (filter) kept.set("rows", filter);  // of the table of all results
    if (isPlace() && !String(kept)) return;
    history.replaceState(null, "", `#${kept}`);
  };

  // The answer: which rows keep all budgets, and how surely.
  const chosen = (view) => rows.filter((row) => String(all.view[row]) === view
    && ["format", "family", "delegate"].every((column) => !form.elements[column].value || text(column, row) === form.elements[column].value)
    && (!form.elements.hop.value || String(all.hop[row]) === form.elements.hop.value));
  const eligible = (row) => text("reason", row) === "";
  const ORDER = ["surely", "probably", "unclear", "no"];
  // The rules of reports/decision/budgets.py.
  const graded = ([low, value, high], most) => {
    if (low === null || high === null) return ["unclear", "it has no interval"];
    if (high <= most) return ["surely", ""];
    if (low > most) return ["no", ""];
    return [value <= most ? "probably" : "unclear", ""];
  };
  const keeps = (name, row, most) => {
    const found = BUDGETS[name].of(row);
    const [, value] = found;
    if (value === null) return ["unclear", "not measured"];
    if (name === "size") return [value <= most ? "surely" : "no", ""];
    if (name === "memory") return value <= most ? ["probably", "a highest value seen has no interval"] : ["no", ""];
    const [verdict, why] = graded(found, most);
    if (name === "core" && verdict === "no" && all.threads[row] !== 1) return ["unclear", "of several threads only an upper bound is known"];
    if (name === "core" && verdict === "surely") return ["probably", "it was timed back to back; a stream idles and is slower"];
    return [verdict, why];
  };
  const asked = () => Object.keys(BUDGETS).filter((name) => form.elements[name].value !== "" && Number(form.elements[name].value) >= 0);
  const judge = (shown) => {
    const budgets = asked();
    return new Map(shown.map((row) => {
      const why = [];
      let verdict = "surely";
      for (const name of budgets) {
        const [found, because] = keeps(name, row, Number(form.elements[name].value));
        if (found !== "surely") why.push(`${BUDGETS[name].name}: ${found}${because ? `, ${because}` : ""}`);
        if (ORDER.indexOf(found) > ORDER.indexOf(verdict)) verdict = found;
      }
      return [row, { verdict, why }];
    }));
  };
  const COSTS = ["latency", "size", "memory"];
  const front = (shown, costs) => {
    const columns = costs.map((cost) => all[cost]);
    // Every pair is compared, so it is a plain loop.
    const dominates = (a, b) => {
      if (all.score[a] < all.score[b]) return false;
      let isBetter = all.score[a] > all.score[b];
      for (const column of columns) {
        if (column[a] > column[b]) return false;
        isBetter ||= column[a] < column[b];
      }
      return isBetter;
    };
    const able = shown.filter((row) => eligible(row) && columns.every((column) => column[row] !== null));
    return new Set(able.filter((row) => !able.some((other) => dominates(other, row))));
  };
  const pages = new Map([...document.querySelectorAll('#all-results a[href^="files/"]')].map((link) => [link.getAttribute("href").slice(-13, -5), link.getAttribute("href")]));
  // The same file at the same hop on the other device, the fastest way.
  const others = (beside) => {
    const found = new Map();
    for (const row of beside) {
      const key = `${all.hash[row]} ${all.hop[row]}`;
      if (!found.has(key) || all.latency[row] < all.latency[found.get(key)]) found.set(key, row);
    }
    return (row) => found.get(`${all.hash[row]} ${all.hop[row]}`);
  };
  const label = (row) => `${text("name", row)} ${text("format", row)}${all.hop[row] === null ? "" : ` at ${all.hop[row]} s`}`;
  const answer = (shown, judged) => {
    const able = shown.filter(eligible);
    const fits = able.filter((row) => ["surely", "probably"].includes(judged.get(row).verdict)).sort((a, b) => all.score[b] - all.score[a] || all.latency[a] - all.latency[b]);
    const unclear = able.filter((row) => judged.get(row).verdict === "unclear");
    if (!able.length) return "Nothing that is shown was both timed and scored.";
    if (!fits.length) {
      let words = "No file keeps these budgets by its estimates.";
      if (unclear.length) words += ` ${unclear.length} ${unclear.length === 1 ? "is" : "are"} unclear.`;
      return words;
    }
    const [first, second] = fits;
    const { verdict, why } = judged.get(first);
    const lead = asked().length ? `${label(first)} ${verdict} keeps the budgets${why.length ? ` (${why.join(", ")})` : ""}` : `Without a budget the most accurate is ${label(first)}`;
    let words = `${lead}: ${range(AXES.score.of(first))} %, ${range(ends("latency")(first))} µs per second of audio, ${number(all.size[first] / 1e6)} MB.`;
    if (second !== undefined) words += ` Runner-up: ${label(second)}, ${number(100 * (all.score[first] - all.score[second]))} points less${all.score_low[first] > all.score_high[second] ? "" : "; their intervals overlap"}.`;
    if (unclear.length) words += ` ${unclear.length} ${unclear.length === 1 ? "other is" : "others are"} unclear.`;
    return words;
  };

  // The chart.
  const SHAPES = {
    float32: "M5 0A5 5 0 1 1-5 0A5 5 0 1 1 5 0Z", float16: "M-4.5-4.5H4.5V4.5H-4.5Z", dynamic: "M0-5.5L5.2 4H-5.2Z", int8: "M0-5.8L5.8 0L0 5.8L-5.8 0Z",
  };
  const families = all.family.values.slice().sort();
  const hue = (row) => `var(--plot-${4 + (families.indexOf(text("family", row)) % 7)})`;
  const ticks = (low, high, log, most) => {
    const made = [];
    if (log) {
      for (const steps of [[1, 2, 5], [1, 3], [1]]) {
        made.length = 0;
        for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
          for (const step of steps) { const tick = step * 10 ** power; if (tick >= low && tick <= high) made.push(tick); }
        }
        if (made.length <= most) break;
      }
      if (made.length >= 2) return made;
      made.length = 0;
    }
    const raw = (high - low) / most;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((each) => each * unit).find((each) => each >= raw);
    for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) made.push(Number(tick.toPrecision(6)));
    return made;
  };
  const plot = document.getElementById("asked");
  const note = document.getElementById("point");
  const hint = note.textContent;
  let points = [];
  let current = -1;
  const describe = (row, extra) => {
    const parts = [label(row), `accuracy ${range(AXES.score.of(row))} %`, `latency ${range(ends("latency")(row))} µs per second of audio`, `file alone ${range(ends("alone")(row))} µs`, `${number(all.size[row] / 1e6)} MB`];
    if (all.memory[row] !== null) parts.push(`${number(all.memory[row])} MiB of memory`);
    parts.push(`${text("delegate", row)}, ${all.threads[row]} thread${all.threads[row] === 1 ? "" : "s"}, ${all.processes[row]} processes`);
    const reason = text("reason", row);
    const likely = all.likely[row] === null ? "" : `, with a probability of ${number(100 * all.likely[row])} %`;
    parts.push(reason ? `not on the frontier: ${reason}` : `frontier: ${all.on[row] ? "on it by the estimates" : "not on it by the estimates"}, ${text("sure", row)} by the intervals${likely}`);
    if (extra) parts.push(extra);
    if (text("caveats", row)) parts.push(`caveats: ${text("caveats", row)}`);
    parts.push(`${all.views[all.view[row]]}; file ${all.hash[row]}, session ${text("session", row)}`);
    return parts.join(". ") + ".";
  };
  const point = (index) => {
    for (const old of plot.querySelectorAll(".pointed")) old.remove();
    current = index;
    if (index < 0) { note.textContent = hint; return; }
    const { row, x, y, words } = points[index];
    note.textContent = describe(row, words);
    plot.querySelector("svg").append(element("svg:circle", { class: "pointed", cx: x, cy: y, r: 10, fill: "none", stroke: "var(--ink)", "stroke-width": 2 }));
  };
  const draw = (shown, beside, judged) => {
    const width = Math.max(320, Math.min(1130, plot.clientWidth || 900));
    const height = Math.round(Math.min(560, Math.max(340, width * 0.55)));
    const [left, right, top, bottom] = [52, 14, 14, 46];
    const [across, up] = [AXES[form.elements.x.value], AXES[form.elements.y.value]];
    const drawn = [...shown, ...beside].filter((row) => across.of(row)[1] !== null && up.of(row)[1] !== null);
    const extent = (axis, from, to) => {
      if (zoom) return [zoom[from], zoom[to]];
      const values = drawn.map((row) => axis.of(row)[1]);
      const [low, high] = [Math.min(...values), Math.max(...values)];
      if (axis.log) return [low / 1.25, high * 1.25];
      const room = Math.max(0.08 * (high - low), 0.5);
      return [low - room, high + room];
    };
    point(-1);
    points = [];
    if (!drawn.length) { plot.replaceChildren(element("p", { class: "small" }, "Nothing to draw.")); return; }
    const [x0, x1] = extent(across, 0, 1);
    const [y0, y1] = extent(up, 2, 3);
    const place = (value, low, high, log) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const at = (row) => {
      const [, x] = across.of(row); const [, y] = up.of(row);
      return [left + place(x, x0, x1, across.log) * (width - left - right), height - bottom - place(y, y0, y1, up.log) * (height - top - bottom)];
    };
    const svg = element("svg:svg", { viewBox: `0 0 ${width} ${height}`, width, height, tabindex: "0", role: "application", "aria-label": `${up.name} against ${across.name}, ${drawn.length} points; arrow keys move from point to point` });
    const axis = (values, where) => {
      for (const value of values) {
        const isX = where === "x";
        const share = isX ? place(value, x0, x1, across.log) : place(value, y0, y1, up.log);
        const spot = isX ? left + share * (width - left - right) : height - bottom - share * (height - top - bottom);
        svg.append(element("svg:line", isX ? { x1: spot, x2: spot, y1: top, y2: height - bottom, stroke: "var(--line)" } : { y1: spot, y2: spot, x1: left, x2: width - right, stroke: "var(--line)" }));
        svg.append(element("svg:text", isX ? { x: spot, y: height - bottom + 16, "text-anchor": "middle" } : { x: left - 7, y: spot + 4, "text-anchor": "end" }, number(value)));
      }
    };
    axis(ticks(x0, x1, across.log, width < 500 ? 5 : 9), "x");
    axis(ticks(y0, y1, up.log, 7), "y");
    svg.append(element("svg:text", { x: left + (width - left - right) / 2, y: height - 8, "text-anchor": "middle" }, across.name));
    svg.append(element("svg:text", { transform: `translate(13 ${top + (height - top - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, up.name));
    const three = COSTS.filter((cost) => shown.some((row) => all[cost][row] !== null));
    const true_front = scored ? front(shown, three) : new Set();
    const clip = element("svg:svg", { x: left, y: top, width: width - left - right, height: height - top - bottom, viewBox: `${left} ${top} ${width - left - right} ${height - top - bottom}` });
    const members = [...(form.elements.y.value === "score" && COSTS.includes(form.elements.x.value) ? front(shown, [form.elements.x.value]) : [])].map(at).sort((a, b) => a[0] - b[0]);
    if (members.length) {
      const steps = members.map(([x, y], index) => (index ? `H${x}V${y}` : `M${x} ${height - bottom}V${y}`)).join("");
      clip.append(element("svg:path", { d: `${steps}H${width - right}`, fill: "none", stroke: "var(--muted)", "stroke-width": 1.2 }));
    }
    const limit = BUDGETS[form.elements.x.value] && form.elements[form.elements.x.value];
    if (limit && limit.value) {
      const spot = left + place(Number(limit.value), x0, x1, across.log) * (width - left - right);
      if (Number.isFinite(spot)) clip.append(element("svg:line", { x1: spot, x2: spot, y1: top, y2: height - bottom, stroke: "var(--accent)", "stroke-dasharray": "5 4" }));
    }
    const few = drawn.length <= 60;
    const besides = new Set(beside);
    const own = new Set(shown);
    for (const row of drawn) {
      const [x, y] = at(row);
      const isBeside = !own.has(row) || besides.has(row);
      const able = eligible(row) && (isBeside || ["surely", "probably"].includes(judged.get(row).verdict));
      const colour = hue(row);
      if (few) {
        for (const [edges, axisOf, isX] of [[across.of(row), across, true], [up.of(row), up, false]]) {
          if (edges[0] === null || edges[2] === null || edges[0] === edges[2]) continue;
          const spots = [edges[0], edges[2]].map((edge) => (isX ? left + place(edge, x0, x1, axisOf.log) * (width - left - right) : height - bottom - place(edge, y0, y1, axisOf.log) * (height - top - bottom)));
          clip.append(element("svg:line", isX ? { x1: spots[0], x2: spots[1], y1: y, y2: y, stroke: colour, opacity: 0.4 } : { x1: x, x2: x, y1: spots[0], y2: spots[1], stroke: colour, opacity: 0.4 }));
        }
      }
      clip.append(element("svg:path", { d: SHAPES[text("format", row)] ?? SHAPES.float32, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, fill: isBeside ? "none" : colour, stroke: colour, "stroke-width": 1.4, opacity: able ? 1 : 0.25 }));
      if (!isBeside && true_front.has(row)) clip.append(element("svg:circle", { cx: x, cy: y, r: 8.5, fill: "none", stroke: "var(--muted)" }));
      points.push({ row, x, y, words: true_front.has(row) ? `on the front of accuracy, ${three.join(", ")}` : "" });
    }
    svg.append(clip);
    points.sort((a, b) => a.x - b.x || a.y - b.y);
    plot.replaceChildren(svg);
    const spot = (event) => { const box = svg.getBoundingClientRect(); return [(event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height]; };
    let begun = null;
    svg.addEventListener("pointermove", (event) => {
      const [x, y] = spot(event);
      if (begun) {
        begun.box.setAttribute("x", Math.min(x, begun.x)); begun.box.setAttribute("y", Math.min(y, begun.y));
        begun.box.setAttribute("width", Math.abs(x - begun.x)); begun.box.setAttribute("height", Math.abs(y - begun.y));
        return;
      }
      let [nearest, least] = [-1, 24 ** 2];
      points.forEach((each, index) => { const d = (each.x - x) ** 2 + (each.y - y) ** 2; if (d < least) [nearest, least] = [index, d]; });
      if (nearest !== current) point(nearest);
    });
    svg.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") return;
      const [x, y] = spot(event);
      begun = { x, y, box: element("svg:rect", { fill: "var(--accent)", opacity: 0.15 }) };
      svg.append(begun.box);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", (event) => {
      if (!begun) return;
      const [x, y] = spot(event);
      const from = begun;
      begun.box.remove(); begun = null;
      if (Math.abs(x - from.x) < 8 || Math.abs(y - from.y) < 8) return;
      const value = (share, low, high, log) => (log ? low * (high / low) ** share : low + share * (high - low));
      const shares = [from.x, x].sort((a, b) => a - b).map((edge) => (edge - left) / (width - left - right));
      const heights = [from.y, y].sort((a, b) => b - a).map((edge) => (height - bottom - edge) / (height - top - bottom));
      zoom = [...shares.map((share) => value(share, x0, x1, across.log)), ...heights.map((share) => value(share, y0, y1, up.log))];
      update();
    });
    svg.addEventListener("dblclick", () => { zoom = null; update(); });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); point(Math.max(0, Math.min(points.length - 1, current + step))); }
      if (event.key === "Escape") { zoom = null; update(); }
      const factor = { "+": 0.7, "-": 1 / 0.7 }[event.key];
      if (factor) {
        const around = (low, high, log, middle) => { const [to, from] = log ? [Math.log, Math.exp] : [(value) => value, (value) => value]; return [low, high].map((edge) => from(to(middle) + factor * (to(edge) - to(middle)))); };
        const { row } = points[current] ?? {};
        const middle = (axis, low, high) => (row === undefined ? (axis.log ? Math.sqrt(low * high) : (low + high) / 2) : axis.of(row)[1]);
        zoom = [...around(x0, x1, across.log, middle(across, x0, x1)), ...around(y0, y1, up.log, middle(up, y0, y1))];
        update();
        plot.querySelector("svg").focus();
        point(points.findIndex((each) => each.row === row));
      }
    });
  };

  // The candidates, best first.
  const MOST = 12;
  const tabulate = (shown, beside, judged) => {
    const table = document.getElementById("candidates");
    const costs = COSTS.filter((cost) => shown.some((row) => all[cost][row] !== null));
    const onAll = scored ? front(shown, costs) : new Set();
    const other = others(beside);
    const linked = (row) => { const href = pages.get(all.hash[row].slice(0, 8)); return href ? element("a", { href }, label(row)) : label(row); };
    const columns = [
      ["candidate", "", linked],
      ["budgets", "", (row, { verdict, why }) => (why.length ? why.join(", ") : verdict)],
      ["accuracy, %", "number", (row) => range(AXES.score.of(row))],
      ["latency, µs per s", "number", (row) => range(ends("latency")(row))],
      ["size, MB", "number", (row) => number(all.size[row] / 1e6)],
      ["frontier", "", (row) => `${text("sure", row)}${all.likely[row] === null ? "" : `, ${number(100 * all.likely[row])} %`}${onAll.has(row) ? " ○" : ""}`],
      ["latency on the other, µs per s", "number", (row) => (other(row) === undefined ? "–" : range(ends("latency")(other(row))))],
    ].filter(([name]) => (name !== "budgets" || asked().length) && (!name.includes("the other") || beside.length));
    table.tHead.replaceChildren(element("tr", {}, ...columns.map(([name, kind]) => element("th", { scope: "col", class: kind }, name))));
    const able = shown.filter(eligible).sort((a, b) => ORDER.indexOf(judged.get(a).verdict) - ORDER.indexOf(judged.get(b).verdict) || all.score[b] - all.score[a]);
    table.tBodies[0].replaceChildren(...able.slice(0, MOST).map((row) => {
      const cells = columns.map(([, kind, of]) => element("td", { class: kind }, of(row, judged.get(row))));
      return element("tr", all.on[row] ? { class: "strong" } : {}, ...cells);
    }));
    const left = shown.length - able.length;
    document.getElementById("counted").textContent = `${Math.min(MOST, able.length)} of ${able.length} candidates${left ? `; ${left} more cannot compete (not timed, not scored, or without a front-end)` : ""}. Circles (○): no other is better in accuracy, ${costs.join(" and ")} at once. Faint: over budget.${beside.length ? ` Hollow: ${all.views[all.view[beside[0]]]}.` : ""}`;
  };
  const show = () => {
    const { value: view } = form.elements.view;
    const shown = chosen(view);
    const { value: other } = form.elements.beside;
    const beside = other && other !== view ? chosen(other) : [];
    const judged = judge(shown);
    document.getElementById("answer").textContent = answer(shown, judged) + (beside.length ? ` On ${all.views[other]}: ${answer(beside, judge(beside))}` : "");
    tabulate(shown, beside, judged);
    draw(shown, beside, judged);
  };
  const update = () => { show(); write(); };
  // The address may name a place of the page, such as a footnote: that is no choice.
  const isPlace = () => document.getElementById(location.hash.slice(1)) !== null;
  form.addEventListener("input", () => { update(); });
  form.elements.x.addEventListener("change", () => { zoom = null; update(); });
  form.elements.y.addEventListener("change", () => { zoom = null; update(); });
  form.elements.whole.addEventListener("click", () => { zoom = null; update(); });
  form.addEventListener("reset", () => { history.replaceState(null, "", "#"); setTimeout(() => { read(); update(); }); });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { if (!isPlace()) { read(); update(); } });
  let resized;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(update, 150); });
  ask.hidden = false;
  read();
  if (isPlace()) show(); else update();
  if (isPlace()) document.getElementById(location.hash.slice(1)).scrollIntoView();  // what stands above has just been shown
}
