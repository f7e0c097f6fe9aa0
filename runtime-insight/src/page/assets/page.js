// The page. It only reads: every request is a GET for what the program says.
import { bars, line, ring } from "/charts.js";

// The token is in the cookie from now on, and need not stay in the address.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);

const $ = (id) => document.getElementById(id);
const view = $("view");

// ---- small things ----

// What stands in an element: what is false or nothing is left out.
function put(parent, ...children) {
  parent.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
}

// An element with attributes and children; text is only ever text.
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

function time(us) {
  if (us == null) return "";
  if (us < 1000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1e3).toFixed(us < 1e4 ? 1 : 0)} ms`;
  const seconds = us / 1e6;
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

const number = (value) => Math.round(value || 0).toLocaleString("en");
const percent = (part) => (part == null ? "" : part < 0.0005 ? "0 %" : `${(100 * part).toFixed(part < 0.0995 ? 1 : 0)} %`);
const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

function bytes(count) {
  if (count == null) return "";
  if (count < 10240) return `${number(count)} bytes`;
  if (count < 10 * 1024 ** 2) return `${Math.round(count / 1024)} KiB`;
  return count < 10 * 1024 ** 3 ? `${Math.round(count / 1024 ** 2)} MiB` : `${(count / 1024 ** 3).toFixed(1)} GiB`;
}

// Of a path only what tells it from others: sources of other packages lie deep.
function place(text) {
  if (!text) return "";
  const parts = text.replace(/^.*\/(registry\/src\/[^/]+|git\/checkouts\/[^/]+|rustlib\/src\/rust\/library)\//, "").split("/");
  return parts.length > 5 ? `…/${parts.slice(-4).join("/")}` : parts.join("/");
}

// A path whose folders are left out where there is no room.
function spot(text) {
  const [, folders, file] = /^(.*\/)?(.*)$/.exec(place(text));
  return [folders && el("span", { class: "optional" }, folders), file];
}

// The same text with only the ends of its paths.
const brief = (text) => (text || "").replace(/[^\s,]*\/([^\s/,]+:\d+):\d+/g, "$1");

const short = (text) => (text || "").split("/").pop().replace(/:\d+$/, "");
const titled = (task) => task.name || short(task.place || task.spawned_at) || `task ${task.id}`;
const taskLink = (id, name) => el("a", { href: `#/task/${id}` }, name ? `${name} (${id})` : `task ${id}`);

function state(task) {
  const text = task.state === "running" && task.worker != null ? `running on ${task.worker}` : task.state;
  return el("span", { class: `state ${task.state}` }, text);
}

// ---- asking ----

class Refused extends Error {}

async function ask(path, options) {
  const response = await fetch(path, { credentials: "same-origin", ...options });
  if (response.status === 403) {
    throw new Refused("This page is not let in any more: the program or the command was started anew. Open the new address.");
  }
  if (!response.ok) {
    const text = (await response.text()).trim() || `status ${response.status}`;
    throw Object.assign(new Error(text), { status: response.status });
  }
  return response.headers.get("content-type").startsWith("application/json") ? response.json() : response.text();
}

function trouble(text) {
  $("trouble").textContent = text || "";
  $("trouble").hidden = !text;
  $("dot").className = `dot ${text ? "off" : live ? "" : "paused"}`;
  $("dot").title = text || (live ? "The program answers" : "Paused");
}

let live = true;
let chosen = null; // the runtime that is shown; null: the first
let overview = null;
let samples = [];
let next = 0;
let epoch = 0; // counts views, so that a late answer for an older one is dropped
let timer = null;

$("live").addEventListener("click", () => {
  live = !live;
  $("live").textContent = live ? "Pause" : "Go on";
  $("live").setAttribute("aria-pressed", String(live));
  trouble(overview && overview.trouble);
});
$("runtime").addEventListener("change", (event) => {
  chosen = Number(event.target.value);
  show();
});

// The numbers, each second, whatever view there is.
async function pulse() {
  try {
    if (live && !document.hidden) {
      const answer = await ask(`/api/overview?after=${next}`);
      // A page that was started anew counts from zero.
      if (answer.next < next) samples = [];
      samples = samples.concat(answer.samples).slice(-300);
      next = answer.next;
      overview = { ...answer, hello: answer.hello || (overview && overview.hello) };
      head();
      if (current && current.pulse) current.pulse();
      trouble(answer.trouble && `${sentence(answer.trouble)} You see what was seen last.`);
    }
  } catch (error) {
    trouble(error instanceof Refused ? error.message : `No answer: ${sentence(error.message)} You see what was seen last.`);
  }
  setTimeout(pulse, 1000);
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = (text) => capital(text) + (/[.!?]$/.test(text) ? "" : ".");

function runtimes() {
  return (overview && overview.last && overview.last.runtimes) || [];
}

function shown() {
  return runtimes().find((one) => one.id === chosen) || runtimes()[0];
}

function head() {
  const { hello } = overview;
  if (!hello) return;
  $("program").textContent = hello.program;
  const running = time(hello.started_us_ago);
  const { process } = overview.last || {};
  const memory = process && process.process_resident_memory_bytes;
  $("about").textContent = `process ${hello.pid} · up ${running}${memory ? ` · ${bytes(memory)}` : ""}`;
  document.title = `${hello.program} (${hello.pid})`;
  const select = $("runtime");
  const all = hello.runtimes.map((one) => [one.id, `${one.name || `runtime ${one.id}`} · ${one.flavor === "current_thread" ? "1 thread" : plural(one.workers, "worker")}`]);
  const key = JSON.stringify(all);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...all.map(([id, text]) => el("option", { value: id, selected: id === chosen }, text)));
    select.hidden = all.length < 2;
  }
}

// ---- the number of findings, on its tab ----

async function count() {
  try {
    if (live && !document.hidden) {
      const found = await ask("/api/findings");
      const bad = found.circle_count + found.lost_count + others(found).filter((one) => one.stands).length + found.long_polls.length;
      $("count").textContent = bad;
      $("count").hidden = !bad;
    }
  } catch { /* the pulse tells it */ }
  setTimeout(count, 5000);
}

// What the program has found by itself, without what the page sees in the dump.
function others(found) {
  return (found.findings || []).filter((one) => one.kind !== "deadlock" && one.kind !== "lost_task");
}

// ---- overview ----

function viewOverview() {
  const tiles = el("div", { class: "cards" });
  const workers = el("div", { class: "workers" });
  const title = el("h2", {}, "Workers");
  const roots = el("div"), polls = el("div"), latency = el("div"), groups = el("div", { class: "wide" }, el("p", { class: "dim" }, "…"));
  view.replaceChildren(el("div", { class: "stack" },
    tiles,
    el("section", { class: "card" }, title, workers),
    el("div", { class: "halves" },
      el("section", { class: "card" }, el("h2", {}, "How long polls take"), polls),
      el("section", { class: "card" }, el("h2", {}, "How long ready tasks wait for a worker"), latency)),
    el("section", { class: "card" }, el("h2", {}, "Where the tasks were spawned"), groups), roots));

  const pulse = () => {
    const runtime = shown();
    if (!runtime) return;
    const of = (name) => samples.map((sample) => {
      const one = sample.runtimes.find((other) => other.id === runtime.id);
      return one ? one[name] : 0;
    });
    const now = (name) => of(name).at(-1) || 0;
    const { numbers } = runtime;
    const tile = (label, value, more, name, max) => el("section", { class: "card tile" },
      el("div", { class: "label" }, label), el("div", { class: "value" }, value),
      line(of(name), { max, label: `${label} over the last minute` }),
      el("div", { class: "more" }, more));
    const working = numbers.blocking_threads - numbers.blocking_threads_idle;
    tiles.replaceChildren(
      tile("Tasks alive", number(numbers.tasks_alive), `${number(now("spawns"))} spawned a second`, "tasks", 10),
      tile("Ready, in queues", number(now("queued")), "wait for a worker", "queued", 10),
      tile("Polls a second", number(now("polls")), `${number(now("steals"))} tasks stolen a second`, "polls", 10),
      tile("I/O events a second", number(now("io_events")), `${plural(now("descriptors"), "descriptor")} registered`, "io_events", 10),
      tile("Timers set", number(numbers.timers), `${number(now("timers_set"))} set a second`, "timers", 10),
      tile("Blocking pool", `${number(working)} busy`, `of ${plural(numbers.blocking_threads, "thread")}, ${plural(numbers.blocking_queue_depth, "job")} queued`, "blocking_queue", 4),
      tile("Stalls", number(numbers.stalls_total), numbers.spare_workers ? `${plural(numbers.spare_workers, "spare worker")} at work` : "polls over the threshold", "stalls", 1));

    const busy = of("busy");
    const most = 64;
    const total = runtime.per_worker.length;
    const mean = (busy.at(-1) || []).reduce((sum, one) => sum + one, 0) / Math.max(1, total);
    title.textContent = `${total === 1 ? "Worker" : "Workers"}, busy in percent: ${mean.toFixed(0)} % on the whole`;
    workers.replaceChildren(...runtime.per_worker.slice(0, most).map((worker, i) => {
      const values = busy.map((all) => (all && all[i]) || 0);
      const last = values.at(-1) || 0;
      return el("div", {},
        el("div", { class: "head" }, `worker ${worker.worker}`,
          el("span", { class: "dim" }, `${last.toFixed(0)} %${worker.local_queue_depth ? `, ${number(worker.local_queue_depth)} queued` : ""}`)),
        line(values, { max: 100, height: 34, label: `worker ${worker.worker}: ${last.toFixed(0)} percent busy` }));
    }), total > most ? el("p", { class: "dim" }, `and ${total - most} more`) : "");

    histogram(polls, runtime, "poll_duration_seconds", "Switched on by Builder::enable_metrics_poll_time_histogram.");
    histogram(latency, runtime, "schedule_latency_seconds", "Switched on by the feature schedule-latency and Builder::enable_metrics_schedule_latency_histogram.");
  };

  const refresh = async () => {
    const answer = await ask("/api/groups");
    const few = answer.groups.slice(0, 30);
    return () => {
      put(roots, answer.roots.length > 0 && el("section", { class: "card" },
        el("h2", {}, "Threads that block on a future"),
        el("ul", { class: "plain" }, answer.roots.map((root) => el("li", {}, root.thread || "a thread",
          root.called_at && [" at ", spot(root.called_at)], " ",
          el("span", { class: "dim" }, `${root.state}${root.since_us == null ? "" : ` for ${time(root.since_us)}`}${root.waits.length ? `, for ${root.waits.map((wait) => brief(wait.text)).join(", and ")}` : ""}`))))));
      groups.replaceChildren(
      el("table", {},
        el("thead", {}, el("tr", {}, el("th", { class: "num" }, "Tasks"), el("th", {}, "Place"),
          el("th", {}, "Most wait for"), el("th", { class: "num optional" }, "Busy now"),
          el("th", { class: "num optional" }, "Oldest"))),
        el("tbody", {}, few.map((group) => el("tr", {},
          el("td", { class: "num" }, number(group.count)),
          el("td", {}, el("a", { href: tasksAt(group.place), title: group.place }, spot(group.place)),
            group.name && el("span", { class: "dim" }, ` ${group.name}${group.count > 1 ? ", .." : ""}`)),
          el("td", {}, group.wait ? kindOf(group.wait) : group.running ? "running" : ""),
          el("td", { class: "num optional" }, percent(group.load)),
          el("td", { class: "num optional" }, time(group.oldest_us)))))),
      answer.count > few.length ? el("p", { class: "dim small" }, `and ${number(answer.count - few.length)} more places`) : "");
    };
  };
  return { pulse, refresh, every: 3000 };
}

const tasksAt = (spot) => `#/tasks?filter=${encodeURIComponent(spot)}`;

function histogram(parent, runtime, name, advice) {
  const sums = [];
  for (const worker of runtime.per_worker) {
    (worker[name] || []).forEach((bucket, i) => {
      sums[i] = sums[i] || { below: bucket.below, count: 0 };
      sums[i].count += bucket.count;
    });
  }
  if (!sums.length) {
    parent.replaceChildren(el("p", { class: "dim" }, "Not measured. ", advice));
    return;
  }
  const total = sums.reduce((sum, one) => sum + one.count, 0);
  // Empty ends are no news.
  let last = sums.length;
  while (last > 1 && !sums[last - 1].count) last -= 1;
  let first = 0;
  while (first < last - 1 && !sums[first].count) first += 1;
  const seen = sums.slice(first, last).map((one, i) => {
    const from = first + i ? time((sums[first + i - 1].below || 0) * 1e6) : "0";
    const to = one.below == null ? "longer" : time(one.below * 1e6);
    return { label: from, count: one.count, title: `${from} to ${to}: ${number(one.count)}` };
  });
  const mark = (part) => {
    let sum = 0;
    for (const one of sums) {
      sum += one.count;
      if (sum >= part * total) return one.below == null ? "longer" : `below ${time(one.below * 1e6)}`;
    }
    return "";
  };
  parent.replaceChildren(
    bars(seen, `${number(total)} measured`, Math.max(240, parent.clientWidth)),
    el("p", { class: "dim small" }, total
      ? `${number(total)} since the start: half ${mark(0.5)}, 99 of 100 ${mark(0.99)}, 999 of 1,000 ${mark(0.999)}`
      : "None since the start"));
}

// ---- the table of tasks ----

const COLUMNS = [
  ["id", "Task", "id"],
  ["name", "Name, or place", "c-name"],
  ["state", "State", "c-state"],
  ["since", "For", "c-since num"],
  ["load", "Load", "c-load num"],
  ["polls", "Polls", "c-polls num"],
  ["busy", "Busy", "c-busy num"],
  ["age", "Age", "c-age num"],
  ["wait", "Waits for", "c-wait"],
];
const CHUNK = 100;

function viewTasks(query) {
  const wanted = {
    filter: query.get("filter") || "", state: query.get("state") || "",
    sort: query.get("sort") || "id", order: query.get("order") || "up",
  };
  let chunks = new Map(); // number of a chunk -> its rows
  let asked = new Set();
  let snapshot = null;
  let total = 0;
  let version = 0; // counts selections: a late answer for an older one is dropped
  let drawn = "";

  const search = el("input", {
    type: "search", placeholder: "Search: name, place, state, what it waits for", value: wanted.filter,
    "aria-label": "Search", autocomplete: "off", spellcheck: "false",
  });
  const states = el("select", { "aria-label": "State" },
    [["", "All states"], ["running", "Running"], ["queued", "Queued"], ["waiting", "Waiting"]]
      .map(([value, text]) => el("option", { value, selected: value === wanted.state }, text)));
  const sorts = el("select", { "aria-label": "Sort by", class: "only-phone" },
    COLUMNS.flatMap(([name, title]) => ["up", "down"].map((order) =>
      el("option", { value: `${name} ${order}`, selected: name === wanted.sort && order === wanted.order },
        `${title} ${order === "up" ? "↑" : "↓"}`))));
  const titles = el("div", { class: "row titles", role: "row" }, COLUMNS.map(([name, title, kind]) =>
    el("button", { type: "button", "data-sort": name, role: "columnheader", class: kind.includes("num") ? "num" : "", onclick: () => sortBy(name) }, title)));
  const layer = el("div", { class: "layer" });
  const spacer = el("div", { class: "spacer" }, layer);
  const scroller = el("div", { class: "scroller", tabindex: "0", role: "rowgroup", "aria-label": "Tasks" }, spacer);
  const found = el("span", { id: "found" }), moment = el("span", { class: "dim small" });
  view.replaceChildren(
    el("div", { class: "bar-row" }, search, states, sorts),
    el("div", { class: "tasks", role: "table" }, titles, scroller),
    el("div", { class: "foot" }, found, moment));

  const path = (offset) => {
    const parameters = new URLSearchParams({ ...wanted, offset, limit: CHUNK });
    if (chosen != null) parameters.set("runtime", chosen);
    if (snapshot != null) parameters.set("snapshot", snapshot);
    return `/api/tasks?${parameters}`;
  };

  const mark = () => {
    for (const button of titles.children) {
      const here = button.dataset.sort === wanted.sort;
      const title = COLUMNS.find(([name]) => name === button.dataset.sort)[1];
      button.className = `${here ? "here " : ""}${button.className.includes("num") ? "num" : ""}`;
      button.textContent = here ? `${title} ${wanted.order === "up" ? "↑" : "↓"}` : title;
      button.setAttribute("aria-sort", here ? (wanted.order === "up" ? "ascending" : "descending") : "none");
    }
    sorts.value = `${wanted.sort} ${wanted.order}`;
    const kept = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    history.replaceState(null, "", `#/tasks?${kept}`);
  };

  const select = async () => {
    mark();
    version += 1;
    chunks = new Map();
    asked = new Set();
    scroller.scrollTop = 0;
    const mine = version;
    try {
      await load([0], mine);
    } catch (error) {
      if (mine === version) found.textContent = sentence(error.message);
    }
  };
  const sortBy = (name) => {
    // Numbers are asked for with the largest first.
    const first = ["id", "name", "state", "wait"].includes(name) ? "up" : "down";
    const other = wanted.order === "up" ? "down" : "up";
    [wanted.order, wanted.sort] = [wanted.sort === name ? other : first, name];
    select();
  };
  sorts.addEventListener("change", () => {
    [wanted.sort, wanted.order] = sorts.value.split(" ");
    select();
  });
  states.addEventListener("change", () => { wanted.state = states.value; select(); });
  let typing = null;
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => { wanted.filter = search.value; select(); }, 120);
  });

  // Asks for chunks and shows them together.
  const load = async (numbers, mine) => {
    numbers.forEach((n) => asked.add(n));
    const answers = await Promise.all(numbers.map((n) => ask(path(n * CHUNK))));
    if (mine !== version) return;
    answers.forEach((answer, i) => {
      if (answer.snapshot.number !== snapshot) {
        snapshot = answer.snapshot.number;
        chunks = new Map();
        asked = new Set();
      }
      total = answer.matched;
      asked.add(numbers[i]);
      chunks.set(numbers[i], answer.rows);
    });
    const { snapshot: seen } = answers.at(-1);
    found.textContent = total === seen.tasks ? plural(total, "task") : `${number(total)} of ${plural(seen.tasks, "task")}`;
    moment.textContent = `as of ${new Date(Date.now() - seen.age_ms).toLocaleTimeString("en-GB")}; the dump took ${time(seen.took_us)}`;
    drawn = "";
    draw();
  };

  const rowHeight = () => (matchMedia("(max-width: 760px)").matches ? 68 : 34);
  // Browsers have an end of what can be scrolled, so a million rows share less room.
  const LONGEST = 8e6;
  const window_ = () => {
    const tall = rowHeight(), high = scroller.clientHeight;
    const whole = Math.min(total * tall, LONGEST);
    const at = whole > high ? (scroller.scrollTop / (whole - high)) * (total - high / tall) : 0;
    const first = Math.max(0, Math.floor(at));
    return { tall, whole, at, first, last: Math.min(total, first + Math.ceil(high / tall) + 2) };
  };
  const draw = () => {
    const { tall, whole, at, first, last } = window_();
    spacer.style.height = `${whole}px`;
    layer.style.transform = `translateY(${scroller.scrollTop - (at - first) * tall}px)`;
    const missing = [];
    for (let n = Math.floor(first / CHUNK); n * CHUNK < last; n += 1) {
      if (!chunks.has(n) && !asked.has(n)) missing.push(n);
    }
    if (missing.length) load(missing, version).catch(() => missing.forEach((n) => asked.delete(n)));
    const key = `${version} ${snapshot} ${first} ${last} ${[...chunks.keys()].join()}`;
    if (key === drawn) return;
    drawn = key;
    const rows = [];
    for (let i = first; i < last; i += 1) {
      const chunk = chunks.get(Math.floor(i / CHUNK));
      rows.push(row(chunk && chunk[i % CHUNK]));
    }
    if (!total && snapshot != null) rows.push(el("div", { class: "row empty" }, el("span"), "No such task"));
    layer.replaceChildren(...rows);
  };
  scroller.addEventListener("scroll", draw, { passive: true });
  onresize = draw;
  mark();

  const refresh = async () => {
    // What is on the screen, in a newer dump, at once.
    const { first, last } = window_();
    const mine = version;
    const from = Math.floor(first / CHUNK), to = Math.floor(Math.max(first, last - 1) / CHUNK);
    const held = snapshot;
    snapshot = null;
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const paths = numbers.map((n) => path(n * CHUNK));
    snapshot = held;
    const answers = [await ask(paths[0])];
    for (const other of paths.slice(1)) answers.push(await ask(`${other}&snapshot=${answers[0].snapshot.number}`));
    return () => {
      if (mine !== version) return;
      chunks = new Map();
      asked = new Set(numbers);
      answers.forEach((answer, i) => chunks.set(numbers[i], answer.rows));
      const seen = answers[0].snapshot;
      snapshot = seen.number;
      total = answers[0].matched;
      found.textContent = total === seen.tasks ? plural(total, "task") : `${number(total)} of ${plural(seen.tasks, "task")}`;
      moment.textContent = `as of ${new Date(Date.now() - seen.age_ms).toLocaleTimeString("en-GB")}; the dump took ${time(seen.took_us)}`;
      pause = Math.max(2000, 10 * seen.cost_ms);
      drawn = "";
      draw();
    };
  };
  let pause = 2000;
  return { refresh, every: () => pause };
}

function row(task) {
  if (!task) return el("div", { class: "row empty" }, el("span"), "…");
  const key = (text) => el("span", { class: "key" }, text);
  const wait = task.wait ? `${brief(task.wait)}${task.waits > 1 ? `, and ${task.waits - 1} more` : ""}` : task.lost ? "nobody can wake it"
    : task.state === "waiting" ? "something else" : "";
  return el("a", { class: "row", role: "row", href: `#/task/${task.id}`, title: task.wait || "" },
    el("span", { class: "id" }, key("task "), task.id),
    el("span", { class: "c-name", title: task.place }, task.name || place(task.place),
      task.home && el("span", { class: "dim" }, ` ${task.home.replaceAll("_", " ")}`)),
    el("span", { class: "c-state" }, state(task)),
    el("span", { class: "c-since num" }, time(task.since_us)),
    el("span", { class: "c-load num" }, key("load "), percent(task.load)),
    el("span", { class: "c-polls num" }, number(task.polls), key(task.polls === 1 ? " poll" : " polls")),
    el("span", { class: "c-busy num" }, time(task.busy_us)),
    el("span", { class: "c-age num" }, time(task.age_us)),
    el("span", { class: "c-wait" }, wait));
}

// ---- one task ----

function viewTask(id) {
  const body = el("div", { class: "stack" }, el("p", { class: "dim" }, "…"));
  const chain = el("div");
  view.replaceChildren(body);
  const stacks = async () => {
    chain.replaceChildren(el("p", { class: "dim" }, "Asking …"));
    try {
      const { text, error } = await ask(`/api/stacks/${id}`);
      if (error) throw new Error(error);
      chain.replaceChildren(el("pre", {}, text || "It is nowhere: it has ended."));
    } catch (error) {
      chain.replaceChildren(el("p", { class: "warn" }, sentence(error.message)));
    }
  };
  const chainCard = el("section", { class: "card" }, el("h2", {}, "Await chain"),
    el("p", { class: "dim small" }, "The async functions that it is in, from the outermost to the one that waits. To see it, the task is polled once."),
    el("p", {}, el("button", { type: "button", onclick: stacks }, "Show the await chain")), chain);

  let seen = false;
  const refresh = async () => {
    let answer;
    try {
      answer = await ask(`/api/task/${id}`);
    } catch (error) {
      if (!seen || error.status !== 404) throw error;
      seen = false;
      return () => body.prepend(el("p", { class: "banner", role: "status" }, "It has ended. You see what was seen last."));
    }
    seen = true;
    const { task, names } = answer;
    const link = (other) => taskLink(other, names[other] && titled(names[other]));
    const facts = (pairs) => el("dl", { class: "facts" },
      pairs.filter((pair) => pair && pair[1] != null && pair[1] !== "").map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    const woken = { task: () => ["by ", link(task.woken_by_task)], driver: () => "by the driver", timer: () => "by a timer", outside: () => "by a thread outside" }[task.woken_by];
    return () => put(body,
      el("h1", {}, titled({ ...task, place: task.spawned_at }), " ", el("span", { class: "dim" }, `task ${task.id}`)),
      answer.circle && el("p", { class: "banner bad" }, "It is in a deadlock: ", plural(answer.circle.ring.length, "task"), " wait for each other. ", el("a", { href: "#/findings" }, "See all of it")),
      task.lost && el("p", { class: "banner bad" }, "Nobody can wake it, nor abort it: its future keeps no waker."),
      el("div", { class: "halves" },
        el("section", { class: "card" }, el("h2", {}, "What it does"), facts([
          ["State", [state(task), task.since_us != null && ` for ${time(task.since_us)}`]],
          ["Spawned", el("span", { class: "mono" }, task.spawned_at)],
          ["Scope", task.scope && ["opened at ", el("span", { class: "mono" }, task.scope)]],
          ["Others from there", el("a", { href: tasksAt(task.spawned_at) }, "show them")],
          ["Age", time(task.age_us)],
          ["Polls", number(task.polls)],
          ["Busy", `${time(task.busy_us)} in all polls${answer.load == null ? "" : `; ${percent(answer.load)} of a worker now`}`],
          ["Woken", woken && [woken(), ` ${time(task.woken_us_ago)} ago`]],
          ["Future", bytes(task.future_size)],
          ["Lives on", task.place === "runtime" ? "any worker" : task.place.replaceAll("_", " ")],
          ["Runtime", runtimes().length > 1 ? answer.runtime : null],
        ])),
        el("section", { class: "card" }, el("h2", {}, "What it waits for"),
          task.waits.length
            ? el("ul", { class: "plain" }, task.waits.map((wait) => el("li", {}, wait.text,
                wait.held_by != null && el("div", {}, wait.kind === "mpsc_send" ? "the one who receives: " : "the holder: ", link(wait.held_by)),
                wait.task != null && wait.kind === "join" && el("div", {}, "the task: ", link(wait.task)))),
              task.more_waits ? el("li", { class: "dim" }, `and ${task.more_waits} more`) : "")
            : el("p", { class: "dim" }, task.state === "running" ? "It runs." : task.state === "queued" ? "For a worker: it is ready." : "For something that is not of this runtime."))),
      answer.waiter_count > 0 && el("section", { class: "card" },
        el("h2", {}, `${plural(answer.waiter_count, "task waits", "tasks wait")} for it`),
        nodeList(answer.waiters, answer.waiter_count)),
      chainCard);
  };
  return { refresh, every: 2000 };
}

function nodeList(nodes, total) {
  return el("ul", { class: "plain" },
    nodes.map((node) => el("li", {}, taskLink(node.id, titled(node)), " ",
      el("span", { class: "dim" }, node.wait ? `for ${node.wait.text}` : node.state,
        node.since_us != null && `, for ${time(node.since_us)} now`))),
    total > nodes.length && el("li", { class: "dim" }, `and ${number(total - nodes.length)} more`));
}

// ---- locks ----

const KINDS = {
  rwlock: "read-write lock", notify: "notification", mpsc_send: "mpsc channel that is full",
  mpsc_receive: "mpsc channel, its receiver", mpsc_closed: "mpsc channel, until it closes",
  oneshot: "oneshot channel", readable: "input", writable: "room for output", ready: "a descriptor",
  join: "end of a task", join_set: "end of a task of a set", scope: "tasks of a scope",
  blocking: "blocking job", child: "child process", budget: "next turn", watch_changed: "watch channel", watch_closed: "watch channel, until it closes",
  broadcast_receive: "broadcast channel", broadcast_closed: "broadcast channel, until it closes",
};
const kindOf = (kind) => KINDS[kind] || kind.replaceAll("_", " ");

function viewLocks() {
  const body = el("div", { class: "stack" }, el("p", { class: "dim" }, "…"));
  view.replaceChildren(body);
  const open = new Set();
  const refresh = async () => {
    const answer = await ask("/api/locks");
    return () => {
      const card = (lock) => {
        const list = el("details", { open: open.has(lock.object) || lock.count <= 4 },
          el("summary", {}, `${plural(lock.count, "task waits", "tasks wait")}, the first for ${time(lock.longest_us)}`),
          nodeList(lock.waiters, lock.count));
        list.addEventListener("toggle", () => (list.open ? open.add(lock.object) : open.delete(lock.object)));
        return el("section", { class: "card" },
          el("h2", {}, capital(kindOf(lock.kind)), lock.made_at && el("span", { class: "dim" }, ` made at ${place(lock.made_at)}`)),
          lock.holder && el("p", {}, lock.kind === "mpsc_send" ? "Received by " : "Held by ", taskLink(lock.holder.id, titled(lock.holder)), " ",
            el("span", { class: "dim" }, lock.holder.wait ? `which waits for ${lock.holder.wait.text}` : lock.holder.state ? `which is ${lock.holder.state}` : "which has ended")),
          list);
      };
      const held = answer.locks.filter((lock) => lock.holder);
      const rest = answer.locks.filter((lock) => !lock.holder);
      put(body, 
        el("section", {}, el("h1", {}, "Locks that are held, and who waits"),
          held.length ? el("div", { class: "halves" }, held.map(card)) : el("p", { class: "dim" }, "Nobody waits for a lock that a task holds.")),
        rest.length ? el("section", {}, el("h1", {}, "Channels and others that tasks wait at"), el("div", { class: "halves" }, rest.map(card))) : "",
        answer.count > answer.locks.length ? el("p", { class: "dim" }, `and ${number(answer.count - answer.locks.length)} more`) : "");
    };
  };
  return { refresh, every: 3000 };
}

// ---- findings ----

function viewFindings() {
  const body = el("div", { class: "stack" }, el("p", { class: "dim" }, "…"));
  view.replaceChildren(body);
  let before = "";
  const refresh = async () => {
    const found = await ask("/api/findings");
    return () => {
      // The pictures stay as they are while nothing changes but the time.
      const key = JSON.stringify(found, (name, value) => (["since_us", "us_ago", "snapshot", "text", "left_us"].includes(name) ? undefined : value));
      if (key === before) return;
      before = key;
      const lists = [
        ...found.circles.map(deadlock),
        found.circle_count > found.circles.length && el("p", { class: "dim" }, `and ${number(found.circle_count - found.circles.length)} more deadlocks`),
        found.lost_count > 0 && el("section", { class: "card finding" },
          el("h2", {}, `${plural(found.lost_count, "lost task")}`),
          el("p", { class: "dim" }, "Nobody can wake them, nor abort them: their futures keep no waker. They stay until the runtime ends."),
          nodeList(found.lost.map((node) => ({ ...node, state: `spawned at ${place(node.place)}` })), found.lost_count)),
        found.long_polls.length > 0 && el("section", { class: "card finding mild" },
          el("h2", {}, `${plural(found.long_polls.length, "long poll")} at this moment`),
          el("p", { class: "dim" }, "A worker runs nothing else meanwhile. Blocking work belongs into spawn_blocking; long computations give way now and then."),
          el("ul", { class: "plain" }, found.long_polls.map((node) => el("li", {}, taskLink(node.id, titled(node)), " ",
            el("span", { class: "dim" }, `spawned at ${place(node.place)}, ${node.worker == null ? "running" : `on worker ${node.worker}`} for ${time(node.since_us)}`))))),
        ...others(found).map((one) => el("section", { class: `card ${one.stands ? "finding mild" : ""}` },
          el("h2", {}, capital((one.kind || "").replaceAll("_", " ")), !one.stands && el("span", { class: "dim" }, " (was told; may be over)")),
          el("p", { class: "text" }, one.text || ""),
          (one.tasks || []).slice(0, 20).map(({ id }) => [taskLink(id), " "]))),
      ].filter(Boolean);
      put(body, 
        el("h1", {}, "Findings"),
        lists.length ? el("div", { class: "stack" }, lists) : el("p", { class: "good" }, "Nothing: no deadlock, no lost task, no long poll at this moment."),
        el("section", { class: "card" }, el("h2", {}, "Stalls"),
          el("p", {}, found.stalls_total ? `${plural(found.stalls_total, "poll")} took longer than the threshold of Builder::stall_report since the start.` : "No poll took longer than the threshold for stalls, or they are not watched (Builder::stall_report)."),
          (found.stalls || []).map(({ us_ago, text }) => {
            const [first, ...stack] = text.split("\n");
            return el("details", {}, el("summary", {}, brief(first), el("span", { class: "dim" }, ` ${time(us_ago)} ago`)), el("pre", {}, stack.join("\n") || "no stack"));
          })),
        el("section", { class: "card" }, el("h2", {}, "Blocking pool"),
          el("p", {}, `${plural(found.blocking_running, "job")} at work, ${number(found.blocking_count - found.blocking_running)} queued.`),
          found.blocking.length ? el("details", {}, el("summary", {}, "Show them"),
            el("ul", { class: "plain" }, found.blocking.map((job) => el("li", {}, job.name || place(job.spawned_at) || `job ${job.id}`,
              el("span", { class: "dim" }, job.running ? " at work" : " queued"))))) : ""));
    };
  };
  return { refresh, every: 3000 };
}

// One line that says what is waited for, and one that says where it was made.
function what(wait) {
  if (!wait) return ["?"];
  if (wait.kind === "join") return ["waits for its end"];
  const noun = wait.kind === "mpsc_send" ? "waits for room in a channel" : `waits for a ${kindOf(wait.kind)}`;
  return wait.made_at ? [noun, `made at ${short(wait.made_at)}`] : [noun];
}

function deadlock(circle) {
  const waiting = new Map();
  for (const node of circle.behind) {
    if (node.waits_for != null) waiting.set(node.waits_for, (waiting.get(node.waits_for) || 0) + 1);
  }
  const nodes = circle.ring.map((node) => ({
    id: node.id, title: titled(node), below: `task ${node.id}${node.name ? ` · ${short(node.place)}` : ""}`,
    full: `${node.name || ""} task ${node.id}, spawned at ${node.place}`, what: what(node.wait),
    waiting: waiting.get(node.id) || 0,
  }));
  const size = circle.ring.length;
  return el("section", { class: "card finding deadlock" },
    el("h2", {}, size === 1 ? "Deadlock: a task waits for itself" : `Deadlock: ${size} tasks wait for each other`),
    size <= 24 && ring(nodes, Math.min(view.clientWidth, 800), (id) => `#/task/${id}`),
    nodeList(circle.ring.slice(0, 50), size),
    circle.behind_count > 0 && el("details", {}, el("summary", {}, `${plural(circle.behind_count, "more task waits", "more tasks wait")} behind`),
      nodeList(circle.behind, circle.behind_count)));
}

// ---- downloads ----

function viewDownloads() {
  const row = (href, title, text) => el("section", { class: "card" }, el("h2", {}, title), el("p", { class: "dim" }, text), el("a", { class: "button", href, download: true }, "Download"));
  const result = el("p", { class: "small", role: "status" });
  const seconds = el("input", { type: "number", min: 1, max: 3600, value: 10, "aria-label": "Seconds", size: 5 });
  // By hand, so that an error is told here.
  const trace = async () => {
    result.textContent = "Asking …";
    try {
      const of = shown() ? `&runtime=${shown().id}` : "";
      const response = await fetch(`/api/trace?seconds=${encodeURIComponent(seconds.value)}${of}`);
      if (!response.ok) throw new Error(await response.text());
      const name = /filename="([^"]+)"/.exec(response.headers.get("content-disposition"));
      const link = el("a", { href: URL.createObjectURL(await response.blob()), download: name ? name[1] : "trace" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      result.textContent = "Done.";
    } catch (error) {
      result.textContent = sentence(error.message);
    }
  };
  view.replaceChildren(el("h1", {}, "Downloads"), el("div", { class: "halves" },
    row("/api/dump.txt", "Dump, to read", "Every task with what it does and waits for, as text."),
    row("/api/dump.json", "Dump, for programs", "The same as JSON: runtimes, tasks, waits, blocking jobs."),
    row("/api/metrics.txt", "Numbers", "All numbers in Prometheus's text format."),
    el("section", { class: "card" }, el("h2", {}, "Trace"),
      el("p", { class: "dim" }, "What the flight recorder has of the last seconds: each poll, wake and steal. The Perfetto UI (ui.perfetto.dev) opens it; the file stays with you."),
      el("div", { class: "bar-row" }, el("label", {}, "Last ", seconds, " seconds"), el("button", { type: "button", onclick: trace }, "Download")), result)));
  return {};
}

// ---- which view there is ----

let current = null;

function show() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  const parts = path.split("/").filter(Boolean);
  const name = parts[0] || "overview";
  epoch += 1;
  clearTimeout(timer);
  onresize = null;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.hash === `#/${name}` || (name === "task" && link.hash === "#/tasks");
    link.classList.toggle("here", here);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const views = {
    overview: viewOverview, tasks: () => viewTasks(new URLSearchParams(query || "")),
    task: () => viewTask(Number(parts[1])), locks: viewLocks, findings: viewFindings, downloads: viewDownloads,
  };
  current = (views[name] || viewOverview)();
  if (current.pulse && overview) current.pulse();
  if (current.refresh) refresh(epoch, true);
}

async function refresh(mine, isFirst) {
  const { refresh: get, every } = current;
  try {
    if (isFirst || (live && !document.hidden)) {
      const put = await get();
      if (mine !== epoch) return;
      if (isFirst || live) put();
    }
  } catch (error) {
    if (mine !== epoch) return;
    // What is there stays; only where nothing is yet the reason takes its place.
    if (isFirst) view.append(el("p", { class: "banner", role: "alert" }, error instanceof Refused ? error.message : sentence(error.message)));
  }
  if (mine === epoch) timer = setTimeout(() => refresh(mine, false), typeof every === "function" ? every() : every);
}

addEventListener("hashchange", () => {
  // The table writes its own selection into the address.
  show();
  view.focus({ preventScroll: true });
  scrollTo(0, 0);
});
show();
pulse();
count();
