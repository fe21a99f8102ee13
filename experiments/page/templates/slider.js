"use strict";

// The slider: one delta at a time of one method at one point, on the graph of f and on the curve of its errors.
// Every number comes from the page's data, that is from the saved tables; here they only become places on a screen.

const FRAME = { left: 62, right: 428, top: 16, bottom: 276, width: 440, height: 320 };
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

const short = (value) => (value === null ? "none" : Number(value.toPrecision(3)).toString());
const power = (exponent) => `10${exponent < 0 ? "⁻" : ""}${[...String(Math.abs(exponent))].map((d) => RAISED[d]).join("")}`;

function drawing(svg) {
  const space = svg.namespaceURI;
  return (name, attributes, text) => {
    const made = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    svg.append(made);
    return made;
  };
}

const scale = (from, to, low, high) => (value) => from + ((value - low) / (high - low)) * (to - from);
const path = (points) => {
  let pen = "M";
  return points.map(([x, y]) => {
    if (y === null || !Number.isFinite(y)) { pen = "M"; return ""; }
    const step = `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
};

function roundTicks(low, high) {
  const rough = (high - low) / 4;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * decade).find((k) => k >= rough);
  const ticks = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

function axes(draw, x, y, xTicks, yTicks, names) {
  for (const [value, label] of xTicks) {
    draw("line", { class: "grid", x1: x(value), x2: x(value), y1: FRAME.top, y2: FRAME.bottom });
    draw("text", { x: x(value), y: FRAME.bottom + 18, "text-anchor": "middle" }, label);
  }
  for (const [value, label] of yTicks) {
    draw("line", { class: "grid", x1: FRAME.left, x2: FRAME.right, y1: y(value), y2: y(value) });
    draw("text", { x: FRAME.left - 6, y: y(value) + 5, "text-anchor": "end" }, label);
  }
  draw("text", { class: "name", x: (FRAME.left + FRAME.right) / 2, y: FRAME.height - 6, "text-anchor": "middle" }, names[0]);
  draw("text", { class: "name", x: 4, y: FRAME.top + 1, "text-anchor": "start" }, names[1]);
}

// A line through a point, from edge to edge of the frame.
function edgeToEdge(line, x, y, [low, high], through, height, slope) {
  const at = (t) => y(height + slope * (t - through));
  for (const [key, value] of Object.entries({ x1: x(low), y1: at(low), x2: x(high), y2: at(high) })) {
    line.setAttribute(key, Math.max(-1e5, Math.min(1e5, value)).toFixed(2));
  }
}

function drawGraph(svg, place, method) {
  svg.replaceChildren();
  const draw = drawing(svg);
  const ys = place.y.filter((value) => value !== null);
  const [low, high] = [place.t[0], place.t.at(-1)];
  const [least, most] = [Math.min(...ys), Math.max(...ys)];
  const room = 0.12 * (most - least) || 1;
  const x = scale(FRAME.left, FRAME.right, low, high);
  const y = scale(FRAME.bottom, FRAME.top + 12, least - room, most + room);
  const label = (value) => [value, String(value).replace("-", "−")];
  axes(draw, x, y, roundTicks(low, high).map(label), roundTicks(least - room, most + room).map(label), ["x", "f(x)"]);
  const clip = draw("clipPath", { id: "slider-clip" });
  clip.append(draw("rect", {
    x: FRAME.left, y: FRAME.top - 4, width: FRAME.right - FRAME.left, height: FRAME.bottom - FRAME.top + 4,
  }));
  const clipped = { "clip-path": "url(#slider-clip)" };
  draw("path", { class: "curve", ...clipped, d: path(place.t.map((t, k) => [x(t), place.y[k] === null ? null : y(place.y[k])])) });
  const tangent = draw("line", { class: "tangent", ...clipped });
  if (method.exact === null || place.height === null) tangent.setAttribute("visibility", "hidden");
  else edgeToEdge(tangent, x, y, [low, high], place.x, place.height, method.exact);
  const secant = draw("line", { class: "secant", id: "slider-secant", ...clipped });
  const points = [0, 1].map(() => draw("circle", { class: "points", r: 5.5, ...clipped }));
  return (k) => {
    const there = method.estimate[k] !== null;
    secant.setAttribute("visibility", there ? "visible" : "hidden");
    if (there) edgeToEdge(secant, x, y, [low, high], method.through[k], method.height[k], method.estimate[k]);
    [["left", "left_value"], ["right", "right_value"]].forEach(([t, value], which) => {
      const seen = method[value][k] !== null;
      points[which].setAttribute("visibility", seen ? "visible" : "hidden");
      if (!seen) return;
      points[which].setAttribute("cx", x(method[t][k]).toFixed(2));
      points[which].setAttribute("cy", y(method[value][k]).toFixed(2));
    });
    svg.setAttribute("aria-label", there
      ? `The graph of ${place.name}; the line with delta ${short(method.delta[k])} has slope ${short(method.estimate[k])}`
      : `The graph of ${place.name}; with delta ${short(method.delta[k])} there is no estimate`);
  };
}

function drawError(svg, place, method) {
  svg.replaceChildren();
  const draw = drawing(svg);
  const all = place.methods.flatMap((one) => one.error.filter((value) => value > 0));
  const known = all.length ? all : [1];
  const log = Math.log10;
  const deltas = method.delta.map(log);
  const [low, high] = [Math.floor(Math.min(...deltas)), Math.ceil(Math.max(...deltas) + 1e-9)];
  const [least, most] = [Math.floor(log(Math.min(...known))) - 0.5, Math.ceil(log(Math.max(...known))) + 0.2];
  const x = scale(FRAME.left, FRAME.right, low, Math.max(high, low + 1));
  const y = scale(FRAME.bottom, FRAME.top + 12, least, most);
  const height = (error) => (error === null ? null : error > 0 ? y(log(error)) : FRAME.bottom);
  const every = (from, to, most) => [1, 2, 4, 5, 10, 20, 50, 100].find((step) => (to - from) / step <= most) ?? 200;
  const decades = (from, to, most) => {
    const step = every(from, to, most);
    const found = [];
    for (let k = Math.ceil(from / step) * step; k <= to; k += step) found.push([k, power(k)]);
    return found;
  };
  if (method.best !== null && method.rounding) {
    draw("rect", {
      class: "rounding", x: FRAME.left, y: FRAME.top + 12, width: Math.max(0, x(log(method.best)) - FRAME.left),
      height: FRAME.bottom - FRAME.top - 12,
    });
  }
  axes(draw, x, y, decades(low, high, 6), decades(least, most, 6), ["delta", "error"]);
  if (method.best !== null && method.rounding) {
    draw("text", { class: "name", x: FRAME.left + 8, y: FRAME.bottom - 8 }, "rounding");
  }
  for (const other of place.methods.filter((one) => one !== method)) {
    draw("path", { class: "others", d: path(other.delta.map((delta, k) => [x(log(delta)), height(other.error[k])])) });
  }
  if (method.best !== null) {
    draw("line", { class: "best", x1: x(log(method.best)), x2: x(log(method.best)), y1: FRAME.top + 12, y2: FRAME.bottom });
  }
  draw("path", { class: "error", d: path(deltas.map((delta, k) => [x(delta), height(method.error[k])])) });
  const stem = draw("line", { class: "stem", y2: FRAME.bottom });
  const here = draw("circle", { class: "here", id: "slider-here", r: 7 });
  return (k) => {
    const at = height(method.error[k]);
    const across = x(deltas[k]).toFixed(2);
    here.setAttribute("visibility", at === null ? "hidden" : "visible");
    here.setAttribute("cx", across);
    here.setAttribute("cy", (at ?? FRAME.bottom).toFixed(2));
    stem.setAttribute("x1", across);
    stem.setAttribute("x2", across);
    stem.setAttribute("y1", (at ?? FRAME.top + 12).toFixed(2));
    svg.setAttribute("aria-label",
      `The error of ${method.name} against delta: ${short(method.error[k])} at delta ${short(method.delta[k])}`);
  };
}

// The number with the digits that agree with the derivative set apart.
function agreeing(text, exact) {
  let same = 0;
  while (same < text.length && text[same] === exact[same]) same += 1;
  return [element("b", {}, text.slice(0, same)), text.slice(same)];
}

function tell(method, k) {
  const delta = `With delta = ${short(method.delta[k])}`;
  if (method.estimate[k] === null) return `${delta}, ${method.name} gives no estimate: ${method.texts[method.status[k]]}.`;
  const estimate = `${delta}, ${method.name} estimates ${Number(method.estimate[k].toPrecision(9))}`;
  if (method.error[k] === null) return `${estimate}; ${method.texts[method.status[k]]}.`;
  const larger = method.texts[method.larger[k]];
  const part = larger ? ` Of what is predicted, ${larger} is the larger part.` : "";
  return `${estimate}; the error is ${short(method.error[k])}.${part}${farther(method, k)}`;
}

// Where the least error lies, seen from here.
function farther(method, k) {
  if (method.best === null) return "";
  if (method.error[k] === Math.min(...method.error.filter((error) => error !== null))) return " No delta has a smaller error.";
  if (method.delta[k] === method.best) return " Luck aside, no delta has a smaller error.";
  const way = method.delta[k] > method.best ? "smaller" : "larger";
  return ` The least error, luck aside, lies at a ${way} delta, ${short(method.best)}.`;
}

// The place of the delta that is nearest to the best on a logarithmic axis; the largest where none is known.
function nearest(deltas, best) {
  if (best === null) return deltas.length - 1;
  const away = deltas.map((delta) => Math.abs(Math.log(delta / best)));
  return away.indexOf(Math.min(...away));
}

function startSlider(data) {
  const at = (id) => document.getElementById(`slider-${id}`);
  const [places, methods, range] = [at("place"), at("method"), at("delta")];
  let [place, method, graph, curve] = [];
  const move = () => {
    const k = Number(range.value);
    graph(k);
    curve(k);
    const words = tell(method, k);
    at("told").textContent = words;
    range.setAttribute("aria-valuetext", `delta ${short(method.delta[k])}, error ${short(method.error[k])}`);
    const exact = method.exact === null ? "none" : method.measured || String(method.exact);
    const named = method.measured ? "derivative" : "exact derivative";
    const estimate = method.estimate[k] === null ? ["none"] : agreeing(String(method.estimate[k]), exact);
    at("numbers").replaceChildren(
      ...[["delta", [short(method.delta[k])]], ["estimate", estimate], [named, [exact]], ["error", [short(method.error[k])]]]
        .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, ...value)]),
    );
  };
  const choose = () => {
    method = place.methods[methods.selectedIndex];
    range.max = method.delta.length - 1;
    at("parts").style.setProperty("--method", method.colour); // as in the figures
    graph = drawGraph(at("graph"), place, method);
    curve = drawError(at("error"), place, method);
    for (const [k, line] of [...at("turning").children].entries()) line.hidden = method.sentence !== k;
    move();
  };
  const arrive = () => {
    place = data[places.selectedIndex];
    const before = methods.selectedIndex;
    methods.replaceChildren(...place.methods.map((one) => element("option", {}, one.name)));
    methods.selectedIndex = Math.min(Math.max(before, 0), place.methods.length - 1);
    choose();
  };
  places.replaceChildren(...data.map((one) => element("option", {}, one.name)));
  places.addEventListener("change", arrive);
  methods.addEventListener("change", choose);
  range.addEventListener("input", move);
  arrive();
  range.value = nearest(method.delta, method.best);
  move();
  at("parts").hidden = false;
}

const sliderData = document.getElementById("slider-data");
if (sliderData) startSlider(JSON.parse(sliderData.textContent));
