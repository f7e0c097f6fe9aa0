// Pictures: lines, bars, and tasks that wait for each other. All SVG, all from numbers.

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A line over time. `max` is the least top of the scale; the newest value is at the right, and
// `slots` values fill the width.
export function line(values, { max = 1, slots = 60, height = 36, label = "" } = {}) {
  const width = 100;
  const shown = values.slice(-slots);
  const top = Math.max(max, ...shown);
  const x = (i) => width - ((shown.length - 1 - i) * width) / (slots - 1);
  const y = (value) => height - 1 - (value / top) * (height - 3);
  const points = shown.map((value, i) => `${x(i).toFixed(2)},${y(value).toFixed(2)}`);
  const chart = svg("svg", {
    class: "chart", viewBox: `0 0 ${width} ${height}`, height, preserveAspectRatio: "none",
    role: "img", "aria-label": label,
  });
  chart.append(svg("path", { class: "base", d: `M0 ${height - 0.5}H${width}` }));
  if (points.length > 1) {
    const area = `M${x(0).toFixed(2)},${height} L${points.join(" L")} L${width},${height}Z`;
    chart.append(svg("path", { class: "area", d: area }));
    chart.append(svg("path", { class: "line", d: `M${points.join(" L")}` }));
  }
  return chart;
}

// Bars with a label below some of them. `bars`: [{label, count, title}].
export function bars(all, label, width) {
  const height = 150, foot = 20;
  const most = Math.max(1, ...all.map((bar) => bar.count));
  const step = width / all.length;
  const chart = svg("svg", {
    class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
  });
  const every = Math.max(1, Math.ceil((all.length * 64) / width));
  all.forEach((bar, i) => {
    // A single one among millions is to be seen, too.
    const tall = bar.count ? Math.max(2, (bar.count / most) * (height - foot - 4)) : 0;
    const rect = svg("rect", {
      class: "bar", x: i * step + 1, y: height - foot - tall, width: Math.max(1, step - 2), height: tall,
    });
    rect.append(svg("title", {}, bar.title));
    chart.append(rect);
    if (i % every === 0) {
      const at = i * step + step / 2;
      const [x, anchor] = at > width - 30 ? [width, "end"] : [at, i ? "middle" : "start"];
      chart.append(svg("text", { class: "dim", x, y: height - 5, "text-anchor": anchor }, bar.label));
    }
  });
  chart.append(svg("path", { class: "base", d: `M0 ${height - foot}H${width}` }));
  return chart;
}

function shorten(text, length) {
  return text.length > length ? text.slice(0, length - 1) + "…" : text;
}

// How far from the middle of a box of this size its edge is, in this direction.
function reach(half, dx, dy) {
  const length = Math.hypot(dx, dy) || 1;
  const x = Math.abs(dx / length), y = Math.abs(dy / length);
  return Math.min(x ? half.w / x : Infinity, y ? half.h / y : Infinity);
}

// Tasks that wait for each other in a ring. `nodes`: [{id, title, below, what: [line, line],
// waiting}]; each waits for the next one, `waiting` says how many more wait for it.
export function ring(nodes, width, link) {
  const narrow = width < 560;
  const wide = narrow ? 340 : 760;
  const count = nodes.length;
  const half = count > 12 ? { w: 40, h: 17 } : { w: narrow ? 76 : 92, h: 26 };
  const extra = nodes.some((node) => node.waiting) ? 60 : 0;
  let a, b, height;
  if (count === 1) {
    [a, b, height] = [0, 0, 190 + extra];
  } else if (count === 2) {
    [a, b] = narrow ? [0, 105] : [235, 0];
    height = narrow ? 270 + 2 * extra : 150 + (extra && 40);
  } else {
    a = wide / 2 - half.w - 6;
    b = Math.max(130, narrow ? count * 42 : count * 34);
    height = 2 * b + 2 * half.h + 30 + 2 * extra;
  }
  // Side by side, those who wait behind them stand below.
  const below = count === 1 ? 30 : count === 2 && !narrow && extra ? -20 : 0;
  const middle = { x: wide / 2, y: height / 2 + below };
  const turn = count === 2 && !narrow ? Math.PI : -Math.PI / 2;
  const place = nodes.map((_, i) => {
    const angle = turn + (2 * Math.PI * i) / count;
    return { x: middle.x + a * Math.cos(angle), y: middle.y + b * Math.sin(angle), angle };
  });
  const picture = svg("svg", {
    class: "ring", viewBox: `0 0 ${wide} ${height}`, role: "img",
    "aria-label": `${count} tasks that wait for each other`,
  });
  const edges = svg("g"), tags = svg("g"), boxes = svg("g");
  picture.append(edges, boxes, tags);

  const tip = (parent, x, y, dx, dy) => {
    const length = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [dx / length, dy / length];
    const [bx, by] = [x - ux * 11, y - uy * 11];
    const points = [[x, y], [bx - uy * 5, by + ux * 5], [bx + uy * 5, by - ux * 5]];
    parent.append(svg("polygon", { class: "tip", points: points.map((p) => p.join(",")).join(" ") }));
  };
  const tag = (x, y, lines) => {
    const widest = Math.max(...lines.map((text) => text.length)) * 6.7 + 14;
    const tall = lines.length * 16 + 6;
    // Inside the picture, whatever it says.
    const left = Math.min(Math.max(x - widest / 2, 2), wide - widest - 2);
    const group = svg("g", { class: "tag" });
    group.append(svg("rect", { x: left, y: y - tall / 2, width: widest, height: tall, rx: 5 }));
    lines.forEach((text, i) => group.append(svg("text", {
      x: left + widest / 2, y: y - tall / 2 + 15 + 16 * i, "text-anchor": "middle",
      class: i ? "dim" : "",
    }, text)));
    tags.append(group);
  };

  nodes.forEach((node, i) => {
    const from = place[i], to = place[(i + 1) % count];
    const lines = node.what.map((text) => shorten(text, narrow ? 24 : 34));
    if (count === 1) {
      const top = from.y - half.h;
      edges.append(svg("path", {
        class: "edge",
        d: `M${from.x - 40} ${top} C${from.x - 80} ${top - 80} ${from.x + 80} ${top - 80} ${from.x + 42} ${top - 9}`,
      }));
      tip(edges, from.x + 40, top, -10, 18);
      tag(from.x, top - 62, lines);
      return;
    }
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const long = Math.hypot(dx, dy);
    // Bent to the outside, so that two between the same two tasks do not cover each other.
    const bend = count === 2 ? (narrow ? 156 : 76) : Math.min(34, long / 6);
    const control = { x: (from.x + to.x) / 2 + (dy / long) * bend, y: (from.y + to.y) / 2 - (dx / long) * bend };
    const out = reach(half, control.x - from.x, control.y - from.y);
    const into = reach(half, control.x - to.x, control.y - to.y) + 3;
    const along = (p, far) => {
      const length = Math.hypot(control.x - p.x, control.y - p.y) || 1;
      return { x: p.x + ((control.x - p.x) / length) * far, y: p.y + ((control.y - p.y) / length) * far };
    };
    const start = along(from, out), end = along(to, into), back = along(to, into + 9);
    edges.append(svg("path", {
      class: "edge", d: `M${start.x} ${start.y} Q${control.x} ${control.y} ${back.x} ${back.y}`,
    }));
    tip(edges, end.x, end.y, to.x - control.x, to.y - control.y);
    if (count <= 6) {
      tag((start.x + end.x) / 4 + control.x / 2, (start.y + end.y) / 4 + control.y / 2, lines);
    }
  });

  nodes.forEach((node, i) => {
    const { x, y } = place[i];
    const box = svg("a", { class: "node", href: link(node.id) });
    box.append(svg("title", {}, node.full));
    box.append(svg("rect", { x: x - half.w, y: y - half.h, width: 2 * half.w, height: 2 * half.h, rx: 8 }));
    const room = count > 12 ? 10 : narrow ? 18 : 22;
    const title = svg("text", { class: "name", x, y: count > 12 ? y + 5 : y - 3, "text-anchor": "middle" });
    title.append(shorten(node.title, room));
    box.append(title);
    if (count <= 12) {
      box.append(svg("text", { class: "dim", x, y: y + 15, "text-anchor": "middle" }, shorten(node.below, room + 6)));
    }
    boxes.append(box);
    if (node.waiting) {
      const up = count > 1 && y < middle.y - 1;
      const at = y + (up ? -1 : 1) * (half.h + 42);
      const text = `${node.waiting} more ${node.waiting === 1 ? "waits" : "wait"}`;
      const widest = text.length * 6.7 + 18;
      const more = svg("g", { class: "more" });
      const edge = y + (up ? -1 : 1) * (half.h + 3);
      const begin = at + (up ? 1 : -1) * 12;
      more.append(svg("path", { d: `M${x} ${begin}V${edge + (up ? -9 : 9)}` }));
      tip(more, x, edge, 0, up ? 1 : -1);
      more.append(svg("rect", { x: x - widest / 2, y: at - 12, width: widest, height: 24, rx: 12 }));
      more.append(svg("text", { class: "dim", x, y: at + 4, "text-anchor": "middle" }, text));
      boxes.append(more);
    }
  });
  return picture;
}
