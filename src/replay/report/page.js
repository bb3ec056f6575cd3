"use strict";
// Draws the report from its data. Everything that somebody said becomes a text node; markup is never built from strings.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const call = data.object;
  const total = Math.max(call.call_s, 0.1);
  const SVG = "http://www.w3.org/2000/svg";

  // ---- small words

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "class") node.className = value;
      else if (key === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }
  function svg(parent, tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  }
  function clock(secs, tenths) {
    const t = Math.max(0, secs), h = Math.floor(t / 3600), m = Math.floor(t / 60) % 60;
    const s = tenths ? (Math.floor(t * 10) / 10 % 60).toFixed(1).padStart(4, "0") : String(Math.floor(t) % 60).padStart(2, "0");
    return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
  }
  const span = (ms) => (ms === null || ms === undefined ? "–" : Math.abs(ms) < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
  const words = (name) => String(name).replaceAll("_", " ");
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const UNITS = { sec: "s", s: "above the calm voice", z: "above other calm voices", share: "of 1", cost: "distance", count: "times" };
  const unit = (name) => UNITS[name] || name;
  const PEOPLE = { caller: "Caller", bot: "Bot", agent: "Agent", supervisor: "Supervisor" };

  const OFFERS = { accepted: "accepted", declined: "declined", unanswered: "did not answer", vanished: "was gone", withdrawn: "was not needed any more" };
  const ENDS = { bridged: "They talked to the end", kept_with_bot: "The caller stayed with the bot", callback: "A callback was filed", message: "The caller left a message", ticket: "A ticket was filed", abandoned: "The caller hung up before anybody was there", handed_back: "The agent gave the caller back to the bot", shadow: "Shadow mode: recorded, not acted on" };
  const BY = { caller: "the caller", agent: "the agent", bot: "the bot", supervisor: "a supervisor", gateway: "the gateway", lost_media: "the network" };

  // ---- facts under the verdict

  const OUTCOMES = { bridged: "talked with a person", contained: "served by the bot", callback: "callback filed", message: "left a message", ticket: "ticket filed", abandoned: "hung up while waiting" };
  function fact(name, value, title) {
    if (value) $("facts").append(el("li", { title }, `${name} `, el("strong", {}, value)));
  }
  fact("Recording", call.recording.split(/[/\\]/).pop(), call.recording);
  fact("Length", clock(call.duration_s) + (call.truncated ? " (cut)" : ""));
  if (Math.abs(call.call_s - call.duration_s) >= 1) fact("Call", clock(call.call_s));
  fact("Outcome", call.outcome ? OUTCOMES[call.outcome] || call.outcome : "unknown");
  if (data.entry) { fact("Entry", data.entry.entry, `called ${data.entry.called}`); fact("Caller", data.entry.caller); }
  fact("Recognizer", data.recognizer || "none");

  // ---- judgement: expectations and the baseline

  (function judgement() {
    const list = el("ul");
    const line = (tone, word, text) => list.append(el("li", { class: tone }, el("strong", {}, word), el("span", {}, text)));
    data.malformed.forEach((text) => line("bad", "✗ malformed", text));
    data.unmet.forEach((text) => line("bad", "✗ unmet", text));
    (data.differences || []).forEach((text) => line("bad", "≠ changed", text));
    const bad = list.childElementCount > 0;
    if (data.expected && !data.unmet.length && !data.malformed.length) line("good", "✓ expected", "Everything is as expected.");
    if (data.differences && !data.differences.length) line("good", "= baseline", "No decision differs from the earlier replay.");
    if (!list.childElementCount) return;
    $("judgement").hidden = false;
    $("judgement").classList.toggle("fine", !bad);
    $("judgement-title").textContent = bad ? "Not as expected" : "As expected";
    $("judgement").append(list);
  })();

  // ---- the axis

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const wave = { caller: new Int8Array(bytes(data.waveform.caller).buffer), served: new Int8Array(bytes(data.waveform.served).buffer), bucket: data.waveform.bucket_s };
  const view = { from: 0, to: total };
  const SHORTEST = Math.min(total, 1);
  const MARK_ROW = 32, MARK_ROWS = 3, LANE = 56, CURVE = 88, BAND = 24, CAPTION = 20;
  const chart = $("chart"), drawing = $("drawing");
  let width = 800, place = {};

  const x = (secs) => ((secs - view.from) / (view.to - view.from)) * width;
  const secsAt = (px) => view.from + (px / width) * (view.to - view.from);
  const inView = (from, to) => to >= view.from && from <= view.to;

  // What is marked: signals, keys, faults.
  const marks = [];
  call.signals.forEach((s) => marks.push({
    at: s.start_s, to: s.end_s, letter: data.marks[s.kind].mark, tone: "m-signal", title: `${capital(data.marks[s.kind].name)}, ${PEOPLE[s.who].toLowerCase()}`,
    lines: [`${clock(s.start_s, true)} to ${clock(s.end_s, true)} · ${s.value} ${unit(s.unit)} · adds ${s.weight.toFixed(2)} to the score`, s.why],
  }));
  data.keys.forEach((k) => marks.push({ at: k.at_s, to: k.at_s, letter: k.key || "•", tone: "m-key", title: k.key ? `Key ${k.key} pressed` : "A private key pressed", lines: [clock(k.at_s, true)] }));
  data.faults.forEach((f) => marks.push({ at: f.at_s, to: f.at_s, letter: "✕", tone: "m-fault", title: "Trouble", lines: [clock(f.at_s, true), f.what] }));
  marks.sort((a, b) => a.at - b.at);
  marks.forEach((mark, n) => { mark.n = n; });

  // Marks that would lie on each other take the next row; with no row left they become one with a count.
  function rows() {
    const ends = [], placed = [];
    for (const mark of marks) {
      if (!inView(mark.at, mark.at)) continue;
      const at = x(mark.at);
      let row = ends.findIndex((end) => end + 32 <= at);
      if (row < 0 && ends.length < MARK_ROWS) row = ends.length;
      if (row < 0) { placed[placed.length - 1].more.push(mark); continue; }
      ends[row] = at;
      placed.push({ mark, row, at, more: [] });
    }
    return placed;
  }
  // As many rows as the whole call needs, so that nothing jumps while zooming.
  let tallest = 0;
  const markRows = () => (tallest = Math.max(tallest, marks.length ? rows().reduce((most, p) => Math.max(most, p.row + 1), 1) : 0));

  function path(samples, tone) {
    // One column a pixel, or one a bucket where buckets are wider; columns of another tone are left out.
    const from = Math.max(0, Math.floor(view.from / wave.bucket)), to = Math.min(samples.length / 2, Math.ceil(view.to / wave.bucket));
    const step = Math.max(1, Math.floor((to - from) / width));
    const half = LANE / 2;
    let d = "";
    for (let n = from; n < to; n += step) {
      if (!tone(n * wave.bucket)) continue;
      let low = 127, high = -127;
      for (let k = n; k < Math.min(n + step, to); k++) { low = Math.min(low, samples[2 * k]); high = Math.max(high, samples[2 * k + 1]); }
      const left = x(n * wave.bucket), right = Math.max(left + 0.6, x((n + step) * wave.bucket));
      const top = half - (high / 127) * half, bottom = Math.max(top + 1, half - (low / 127) * half);
      d += `M${left.toFixed(1)} ${top.toFixed(1)}H${right.toFixed(1)}V${bottom.toFixed(1)}H${left.toFixed(1)}Z`;
    }
    return d;
  }
  const withPerson = (secs) => data.band.some((p) => p.tone === "person" && secs >= p.start_s && secs < p.end_s);

  function ticks() {
    const wanted = (view.to - view.from) / Math.max(2, width / 90);
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200].find((s) => s >= wanted) || 14400;
    const list = [];
    for (let n = Math.ceil(view.from / step); n * step <= view.to; n++) list.push(n * step);
    return { step, list };
  }

  function draw() {
    width = Math.max(200, chart.clientWidth);
    drawing.replaceChildren();
    const rowsUsed = markRows();
    let y = 0;
    place = { band: y };
    y += BAND + 8;
    place.marks = y;
    y += rowsUsed * MARK_ROW;
    place.caller = y + CAPTION;
    y = place.caller + LANE + 4;
    place.served = y + CAPTION;
    y = place.served + LANE + 4;
    place.curve = y + CAPTION;
    y = place.curve + CURVE + 4;
    place.ticks = y;
    const height = y + 20;
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.setAttribute("height", height);
    const clip = svg(svg(drawing, "defs"), "clipPath", { id: "inside" });
    svg(clip, "rect", { x: 0, y: 0, width, height });
    drawBand();
    drawTicks();
    drawLane("Caller", "caller", place.caller, [["c-caller", () => true]]);
    drawLane(data.band.some((p) => p.tone === "person") ? "Bot, then agent" : "Bot", "served", place.served, [["c-bot", (t) => !withPerson(t)], ["c-person", withPerson]]);
    drawEvidence();
    drawCurve();
    drawFlags();
    drawMarks();
    svg(drawing, "line", { id: "head", class: "head", y1: 0, y2: place.ticks });
    svg(drawing, "line", { id: "hair", class: "hair", y1: 0, y2: place.ticks, visibility: "hidden" });
    moveHead();
  }

  function drawBand() {
    for (const piece of data.band.filter((p) => inView(p.start_s, p.end_s))) {
      const left = Math.max(0, x(piece.start_s)), right = Math.min(width, x(piece.end_s));
      const g = svg(drawing, "g", { class: `piece t-${piece.tone}` });
      svg(g, "title", {}, `${capital(piece.label)}: ${clock(piece.start_s, true)} to ${clock(piece.end_s, true)}`);
      svg(g, "rect", { x: left + 0.5, y: 0.5, width: Math.max(1, right - left - 1), height: BAND - 1, rx: 3 });
      const label = capital(piece.label);
      if (right - left > label.length * 7.2 + 12) svg(g, "text", { x: left + 8, y: 17 }, label);
    }
  }
  function drawTicks() {
    const { step, list } = ticks();
    for (const at of list) {
      svg(drawing, "line", { class: "tick", x1: x(at), x2: x(at), y1: place.caller, y2: place.ticks });
      const anchor = x(at) < 16 ? "start" : x(at) > width - 16 ? "end" : "middle";
      svg(drawing, "text", { x: x(at), y: place.ticks + 15, "text-anchor": anchor }, clock(at + 1e-6, step < 1));
    }
  }
  function drawLane(name, side, top, tones) {
    svg(drawing, "text", { class: "strong", x: 0, y: top - 6 }, name);
    svg(drawing, "rect", { class: "lane", x: 0, y: top, width, height: LANE, rx: 3 });
    const g = svg(drawing, "g", { "clip-path": "url(#inside)" });
    let drawn = -1;
    for (const turn of call.turns.filter((t) => (t.who === "caller") === (side === "caller") && inView(t.start_s, t.end_s))) {
      if (Math.floor(x(turn.end_s)) <= drawn) continue;
      drawn = Math.floor(x(turn.end_s));
      const tone = turn.who === "caller" ? "c-caller" : turn.who === "bot" ? "c-bot" : "c-person";
      svg(g, "rect", { class: `said ${tone}`, x: x(turn.start_s), y: top, width: Math.max(2, x(turn.end_s) - x(turn.start_s)), height: LANE, rx: 3 });
    }
    for (const [tone, where] of tones) svg(g, "path", { class: `wave ${tone}`, transform: `translate(0 ${top})`, d: path(wave[side], where) });
    if (!wave[side].length) svg(drawing, "text", { x: 8, y: top + LANE / 2 + 4 }, "No sound");
  }
  function drawEvidence() {
    const g = svg(drawing, "g", { "clip-path": "url(#inside)" });
    let drawn = -1;
    for (const s of call.signals.filter((s) => inView(s.start_s, s.end_s))) {
      if (Math.floor(x(s.end_s)) <= drawn) continue;
      drawn = Math.floor(x(s.end_s));
      svg(g, "rect", { class: "evidence", x: x(s.start_s), y: place.caller + LANE - 6, width: Math.max(2, x(s.end_s) - x(s.start_s)), height: 6 });
    }
  }
  // The points in view with one beyond each edge; of those that share a pixel, the first, the highest and the last.
  function visible(points) {
    const first = points.findIndex((p) => p.at_s >= view.from), beyond = points.findIndex((p) => p.at_s > view.to);
    const some = points.slice(Math.max(0, (first < 0 ? points.length : first) - 1), beyond < 0 ? points.length : beyond + 1);
    if (some.length < width * 2) return some;
    const kept = [];
    for (let n = 0; n < some.length;) {
      const column = Math.floor(x(some[n].at_s));
      let last = n, top = n;
      while (last + 1 < some.length && Math.floor(x(some[last + 1].at_s)) === column) { last++; if (some[last].score > some[top].score) top = last; }
      new Set([n, top, last]).forEach((k) => kept.push(some[k]));
      n = last + 1;
    }
    return kept;
  }
  function drawCurve() {
    const top = place.curve, base = top + CURVE, up = (score) => base - score * CURVE;
    svg(drawing, "text", { class: "strong", x: 0, y: top - 6 }, "Frustration, from 0 to 1");
    svg(drawing, "rect", { class: "lane", x: 0, y: top, width, height: CURVE, rx: 3 });
    const mood = svg(drawing.querySelector("defs"), "linearGradient", { id: "mood", gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: base, y2: top });
    [["0", "s-calm"], ["0.35", "s-rising"], ["0.7", "s-frustrated"]].forEach(([offset, tone]) => svg(mood, "stop", { offset, class: tone }));
    const g = svg(drawing, "g", { "clip-path": "url(#inside)" });
    const points = visible(call.frustration);
    if (points.length) {
      let d = `M${x(0).toFixed(1)} ${base}`, last = { at_s: 0, score: 0 };
      for (const point of points) {
        // The score falls gradually, a point each second, and rises at once.
        const falls = point.score <= last.score && (point.at_s - last.at_s < 1.6 || x(point.at_s) - x(last.at_s) < 3);
        d += falls ? `L${x(point.at_s).toFixed(1)} ${up(point.score).toFixed(1)}` : `H${x(point.at_s).toFixed(1)}V${up(point.score).toFixed(1)}`;
        last = point;
      }
      if (last.score > 0.02) d += `H${x(total)}`; else d += `V${base}H${x(total)}`;
      svg(g, "path", { class: "under", d: `${d}V${base}Z` });
      svg(g, "path", { class: "curve", d });
    } else {
      svg(drawing, "text", { x: 8, y: base - 8 }, "It never rose: no signal was heard.");
    }
    for (const threshold of data.thresholds) {
      svg(drawing, "line", { class: "threshold", x1: 0, x2: width, y1: up(threshold.score), y2: up(threshold.score) });
      svg(drawing, "text", { x: 8, y: up(threshold.score) - 5 }, `${threshold.trigger} fires at ${threshold.score.toFixed(2)}`);
    }
  }
  function flag(at, text, kind, y) {
    if (!inView(at, at)) return;
    if (text.length > 40) text = `${text.slice(0, 39)}…`;
    svg(drawing, "line", { class: kind, x1: x(at), x2: x(at), y1: BAND, y2: place.ticks });
    const g = svg(drawing, "g", { class: "flag" });
    const node = svg(g, "text", { x: x(at) + 6, y }, text), long = node.getComputedTextLength();
    if (x(at) + long + 12 > width) { node.setAttribute("x", x(at) - 6); node.setAttribute("text-anchor", "end"); }
    const box = svg(g, "rect", { x: Number(node.getAttribute("x")) - 3 - (node.hasAttribute("text-anchor") ? long : 0), y: y - 14, width: long + 6, height: 19, rx: 3 });
    g.insertBefore(box, node);
  }
  function drawFlags() {
    for (const h of call.handoffs) {
      flag(h.at_s, `${h.mode === "shadow" ? "Shadow: " : "Trigger: "}${h.trigger}`, "trigger", place.curve + 16);
      if (h.bridged_s !== null) flag(h.bridged_s, "Connected", "bridged", place.curve + 37);
    }
  }

  // ---- marks and what they say

  const tip = $("tip"), MOST_TOLD = 4;
  function say(button, mark, more) {
    tip.replaceChildren(el("strong", {}, mark.title), ...mark.lines.map((line) => el("span", {}, line, el("br"))));
    more.slice(0, MOST_TOLD).forEach((other) => tip.append(el("strong", {}, other.title), ...other.lines.map((line) => el("span", {}, line, el("br")))));
    if (more.length > MOST_TOLD) tip.append(el("span", {}, `and ${more.length - MOST_TOLD} more; zoom in to part them`));
    tip.hidden = false;
    const left = Math.min(Math.max(0, button.offsetLeft - 20), Math.max(0, chart.clientWidth - tip.offsetWidth));
    tip.style.left = `${left}px`;
    tip.style.top = `${button.offsetTop + 34}px`;
  }
  const hush = () => { tip.hidden = true; };
  function drawMarks() {
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.mark : undefined;
    const nodes = rows().map((p) => {
      const label = [p.mark, ...p.more.slice(0, MOST_TOLD)].map((m) => `${m.title}. ${m.lines.join(". ")}`).join(". ") + (p.more.length > MOST_TOLD ? `. And ${p.more.length - MOST_TOLD} more` : "");
      const button = el("button", {
        type: "button", class: `${p.mark.tone}${p.more.length ? " several" : ""}`, "aria-label": label, "data-mark": p.mark.n, "data-count": p.more.length + 1,
        on: { click: () => seek(p.mark.at), mouseenter: () => say(button, p.mark, p.more), focus: () => say(button, p.mark, p.more), mouseleave: hush, blur: hush },
      }, p.mark.letter);
      button.style.left = `${Math.min(Math.max(p.at, 14), width - 14)}px`;
      button.style.top = `${place.marks + p.row * MARK_ROW + 2}px`;
      return button;
    });
    hush();
    $("marks").replaceChildren(...nodes);
    const again = nodes.find((node) => node.dataset.mark === focused);
    if (again) again.focus({ preventScroll: true });
  }
  (function legend() {
    const seen = new Map();
    call.signals.forEach((s) => { const m = data.marks[s.kind]; seen.set(m.name, m.mark); });
    seen.forEach((mark, name) => $("legend").append(el("li", {}, el("span", { "aria-hidden": "true" }, mark), name)));
    if (data.faults.length) $("legend").append(el("li", { class: "m-fault" }, el("span", { "aria-hidden": "true" }, "✕"), "trouble"));
    if (!seen.size) $("legend").append(el("li", {}, "No signals were heard."));
  })();

  // ---- zoom

  function zoom(factor, around) {
    const length = Math.min(total, Math.max(SHORTEST, (view.to - view.from) * factor));
    const share = (around - view.from) / (view.to - view.from);
    show(around - share * length, length);
  }
  function show(from, length) {
    view.from = Math.max(0, Math.min(from, total - length));
    view.to = view.from + length;
    later();
  }
  // Many turns of the wheel within one frame are drawn once.
  let waiting = 0;
  function later() { if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; draw(); }); }
  chart.addEventListener("wheel", (event) => {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    const whole = view.to - view.from >= total - 1e-6;
    // Turning back over the whole call scrolls the page, as anywhere else.
    if (whole && (sideways || event.deltaY > 0)) return;
    event.preventDefault();
    if (sideways) show(view.from + ((event.deltaX || event.deltaY) / width) * (view.to - view.from), view.to - view.from);
    else zoom(event.deltaY > 0 ? 1.25 : 0.8, secsAt(event.clientX - chart.getBoundingClientRect().left));
  }, { passive: false });
  const middle = () => (position >= view.from && position <= view.to ? position : (view.from + view.to) / 2);
  $("in").addEventListener("click", () => zoom(0.5, middle()));
  $("out").addEventListener("click", () => zoom(2, middle()));
  $("whole").addEventListener("click", () => show(0, total));

  // ---- player

  const audio = $("sound");
  let position = 0, playable = true;
  (function load() {
    if (data.sound.embedded) audio.src = URL.createObjectURL(new Blob([bytes($("sound-data").textContent)], { type: data.sound.mime }));
    else { audio.src = data.sound.href; hint("The sound is in call.wav beside this page."); }
    $("sound-data").remove();
    audio.addEventListener("error", () => {
      playable = false;
      $("play").disabled = true;
      hint("This browser does not play the sound of this page. Open call.wav beside it in a player.");
    });
    $("length").textContent = clock(total);
    $("seek").max = String(total);
  })();
  function hint(text) { $("sound-hint").textContent = text; $("sound-hint").hidden = false; }
  function seek(secs) {
    position = Math.max(0, Math.min(secs, total));
    if (playable) audio.currentTime = position;
    if (position < view.from || position > view.to) show(position - (view.to - view.from) / 2, view.to - view.from);
    moveHead();
  }
  function toggle() { if (playable) { if (audio.paused) audio.play().catch(() => hint("The browser refused to play. Press Play once more.")); else audio.pause(); } }
  function moveHead() {
    const head = $("head");
    if (head) { head.setAttribute("x1", x(position)); head.setAttribute("x2", x(position)); head.setAttribute("visibility", inView(position, position) ? "visible" : "hidden"); }
    $("now").textContent = clock(position);
    $("seek").value = String(position);
    $("seek").setAttribute("aria-valuetext", clock(position));
    follow();
  }
  function frame() {
    position = Math.min(audio.currentTime, total);
    if (position > view.to && !chart.matches(":hover")) show(position, view.to - view.from); else moveHead();
    if (!audio.paused) requestAnimationFrame(frame);
  }
  function playing(on) {
    $("play-shape").textContent = on ? "❚❚" : "▶";
    $("play-word").textContent = on ? "Pause" : "Play";
    $("play").setAttribute("aria-label", on ? "Pause" : "Play");
    if (on) requestAnimationFrame(frame);
  }
  audio.addEventListener("play", () => playing(true));
  audio.addEventListener("pause", () => playing(false));
  audio.addEventListener("ended", () => playing(false));
  $("play").addEventListener("click", toggle);
  $("back").addEventListener("click", () => seek(position - 5));
  $("forth").addEventListener("click", () => seek(position + 5));
  $("speed").addEventListener("change", () => { audio.playbackRate = Number($("speed").value); });
  $("seek").addEventListener("input", () => seek(Number($("seek").value)));
  chart.addEventListener("click", (event) => { if (!event.target.closest("button")) seek(secsAt(event.clientX - chart.getBoundingClientRect().left)); });
  chart.addEventListener("pointermove", (event) => {
    const at = event.clientX - chart.getBoundingClientRect().left, hair = $("hair");
    if (!hair) return;
    hair.setAttribute("x1", at); hair.setAttribute("x2", at); hair.setAttribute("visibility", "visible");
    chart.title = event.target.closest("button") ? "" : clock(secsAt(at), true);
  });
  chart.addEventListener("pointerleave", () => { const hair = $("hair"); if (hair) hair.setAttribute("visibility", "hidden"); });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, summary")) return;
    const onButton = event.target.closest("button");
    const inLines = event.target.closest("#lines");
    const next = () => marks.find((m) => m.at > position + 0.05), previous = () => marks.filter((m) => m.at < position - 0.05).pop();
    switch (event.key) {
      case " ": if (onButton || inLines) return; toggle(); break;
      case "ArrowLeft": seek(position - 5); break;
      case "ArrowRight": seek(position + 5); break;
      case "+": case "=": zoom(0.5, middle()); break;
      case "-": zoom(2, middle()); break;
      case "0": show(0, total); break;
      case "n": case "N": { const mark = next(); if (mark) seek(mark.at); break; }
      case "p": case "P": { const mark = previous(); if (mark) seek(mark.at); break; }
      case "?": $("keys").open = !$("keys").open; break;
      default: return;
    }
    event.preventDefault();
  });

  // ---- transcript

  const rowsOfTurns = [];
  (function transcript() {
    const items = [];
    call.turns.forEach((turn) => {
      const sure = turn.confidence !== null && turn.confidence < 0.5 ? el("span", { class: "sure", title: `The recognizer's confidence is ${turn.confidence.toFixed(2)} of 1` }, "(unsure)") : null;
      const cut = data.cuts.includes(turn.start_s) ? " —" : "";
      const said = turn.text === null ? el("p", { class: "nothing" }, data.recognizer || turn.who !== "caller" ? "Not understood" : "Speech; no recognizer listened") : el("p", {}, turn.text + cut);
      const node = el("li", { class: turn.who }, el("div", { class: "by" }, el("span", { class: "who" }, PEOPLE[turn.who] || turn.who), at(turn.start_s), sure), said);
      rowsOfTurns.push({ from: turn.start_s, to: turn.end_s, node });
      items.push([turn.start_s, 1, node]);
    });
    call.signals.forEach((s) => {
      const m = data.marks[s.kind];
      items.push([s.end_s, 2, el("li", { class: "signal" }, el("span", { class: "mark", "aria-hidden": "true" }, m.mark), el("span", {}, el("strong", {}, `${capital(m.name)}. `), s.why), at(s.start_s))]);
    });
    call.handoffs.forEach((h) => steps(h).forEach(([when, strong, text]) => items.push([when, 3, step("⇢", when, strong, text)])));
    data.courses.forEach((c) => {
      c.positions.filter((p) => p.position > 1).forEach((p) => items.push([p.at_s, 3, step("⇢", p.at_s, `Place ${p.position} in the queue.`, p.expected_wait_s === null ? "" : ` Wait of up to ${Math.round(p.expected_wait_s)} s expected.`)]));
      c.settled.forEach((o) => items.push([o.at_s, 3, step("⇢", o.at_s, `${o.agent} ${OFFERS[o.outcome] || o.outcome}.`, o.reason ? ` “${o.reason}”` : "")]));
      c.one_way.forEach((o) => items.push([o.at_s, 4, step("✕", o.at_s, `No sound from the ${o.from}.`, "", "fault")]));
    });
    data.faults.forEach((f) => items.push([f.at_s, 4, step("✕", f.at_s, "Trouble. ", f.what, "fault")]));
    items.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    $("lines").append(...items.map((item) => item[2]));
    if (!call.turns.length) $("lines").before(el("p", { class: "empty" }, "Nobody spoke in this call."));
    if (!items.length) $("lines").hidden = true;
    else if (!data.recognizer) $("lines").before(el("p", { class: "hint" }, "No recognizer listened to the caller: turns have times but no words, and signals from words are unavailable."));
  })();
  function at(secs) {
    return el("button", { type: "button", class: "at", title: `Play from ${clock(secs, true)}`, "aria-label": `Go to ${clock(secs)}`, on: { click: (event) => { event.stopPropagation(); seek(secs); } } }, clock(secs));
  }
  function step(mark, when, strong, text, tone) {
    return el("li", { class: `step ${tone || ""}` }, el("span", { class: "mark", "aria-hidden": "true" }, mark), el("span", {}, el("strong", {}, strong), text), at(when));
  }
  function steps(h) {
    const list = [[h.at_s, h.mode === "shadow" ? `Would have handed over (${h.trigger}). ` : `Handoff (${h.trigger}). `, sentence(h.reason)]];
    if (h.bridged_s !== null) list.push([h.bridged_s, "Caller and agent hear each other.", ""]);
    return list;
  }
  function sentence(text) { const t = capital(text.trim()); return /[.!?”"]$/.test(t) ? t : `${t}.`; }
  rowsOfTurns.forEach(({ from, node }) => node.addEventListener("click", () => { if (!String(getSelection())) seek(from); }));
  let current = null, scrolledByHand = 0;
  ["wheel", "touchmove", "keydown"].forEach((event) => $("lines").addEventListener(event, () => { scrolledByHand = Date.now(); }, { passive: true }));
  function follow() {
    const found = rowsOfTurns.filter((row) => row.from <= position + 0.05).pop() || null;
    const node = found && position > 0 ? found.node : null;
    if (node === current) return;
    if (current) { current.classList.remove("current"); current.removeAttribute("aria-current"); }
    current = node;
    if (!current) return;
    current.classList.add("current");
    current.setAttribute("aria-current", "true");
    const list = $("lines");
    if (Date.now() - scrolledByHand > 8000 && !list.matches(":hover")) list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 3;
  }

  // ---- handoffs: the packet as the agent saw it, and the clocks

  function handoffs() {
    const place = $("handoffs");
    if (!call.handoffs.length) {
      place.append(el("section", {}, el("h2", {}, "What the agent saw"), el("p", { class: "empty" }, "There was no handoff, so no agent was shown anything.")));
      return;
    }
    call.handoffs.forEach((h, n) => {
      const many = call.handoffs.length > 1 ? ` (handoff ${n + 1})` : "";
      place.append(packet(h, many), course(h, many));
    });
  }

  function packet(h, many) {
    const section = el("section", { class: "packet-card" }, el("h2", {}, `What the agent saw${many}`));
    const p = h.packet;
    if (!p) {
      section.append(el("p", { class: "empty" }, h.mode === "shadow" ? "Shadow mode: nobody was asked." : "No agent was asked, so no packet was shown."));
      return section;
    }
    const told = new Set(["headline", "mood", "trigger", "transcript", "signals", "score_over_time", "handoff"]);
    if (p.headline) section.append(el("p", { class: "headline" }, String(p.headline)));
    if (p.mood) {
      const score = Number(p.mood.score), tone = score >= 0.6 ? "frustrated" : score >= 0.3 ? "rising" : "calm";
      section.append(el("p", { class: `mood ${tone}`, title: `Score ${score.toFixed(2)} of 1` }, el("span", { "aria-hidden": "true" }, { calm: "●", rising: "◆", frustrated: "▲" }[tone]), capital(String(p.mood.word))));
    }
    if (p.trigger && p.trigger.sentence) {
      const when = p.trigger.said_at_s === null || p.trigger.said_at_s === undefined ? "" : ` at ${clock(p.trigger.said_at_s)}`;
      section.append(el("blockquote", {}, el("p", {}, p.trigger.in_words === false ? p.trigger.sentence : `“${p.trigger.sentence}”`), el("footer", {}, `${p.trigger.in_words === false ? "Heard" : "Said"}${when}`)));
    }
    const list = el("dl", { class: "packet" });
    const known = ["wants", "tried", "next_step", "reason", "summary", "slots", "verified", "caller", "data"];
    const rest = Object.keys(p).filter((key) => !told.has(key) && !known.includes(key));
    [...known, ...rest].forEach((key) => { if (key in p) row(list, key, p[key], 0); });
    section.append(list);
    more(section, "line of transcript", "lines of transcript", p.transcript, (line) => `${clock(line.at_s || 0)} ${line.agent || PEOPLE[line.who] || line.who}: ${line.text === null ? "(not understood)" : line.text}`);
    more(section, "signal", "signals", p.signals, (s) => `${clock(s.at_s || 0)} ${(data.marks[s.kind] || { name: words(s.kind) }).name}: ${s.why}`);
    return section;
  }
  function more(section, one, several, list, tell) {
    if (!Array.isArray(list) || !list.length) return;
    section.append(el("details", { class: "more" }, el("summary", {}, `${list.length} ${list.length === 1 ? one : several}`), el("ol", {}, ...list.map((item) => el("li", {}, tell(item))))));
  }
  const LABELS = { next_step: "Next step", slots: "Details", data: "Known", waited_s: "Waited", called: "Called" };
  function row(list, key, value, depth) {
    if (value === null || value === "" || (typeof value === "object" && !Object.keys(value).length) || depth > 4) return;
    list.append(el("dt", {}, LABELS[key] || capital(words(key))), el("dd", {}, shown(key, value, depth)));
  }
  function shown(key, value, depth) {
    if (Array.isArray(value)) return el("ul", {}, ...value.map((item) => el("li", {}, shown(key, item, depth + 1))));
    if (typeof value === "object" && value !== null) {
      if ("value" in value && "confirmed" in value) return el("span", {}, `${value.value} `, el("span", { class: "quiet" }, value.confirmed ? "✓ confirmed" : "? not confirmed"));
      const inner = el("dl", { class: "packet" });
      Object.entries(value).forEach(([k, v]) => row(inner, k, v, depth + 1));
      return inner;
    }
    if (key.endsWith("_s") && typeof value === "number") return `${value.toFixed(1)} s`;
    if (typeof value === "boolean") return value ? "yes" : "no";
    return String(value);
  }

  const CLOCKS = [["t0", "Trigger, or the caller's yes"], ["t1", "Notice begins"], ["t2", "Packet on screen"], ["t3", "Agent alerted"], ["t4", "Agent accepts"], ["t5", "Both hear each other"], ["t6", "Bot gone"]];
  const MEASURES = [["time_to_notice", "Time to notice", 0, 1], ["time_to_context", "Time to context", 0, 2], ["time_to_human", "Time to human", 0, 5], ["pick_up_gap", "Pick-up gap", 4, 5], ["bridge_gap", "Bridge gap", null, null]];
  const bars = [];
  function course(h, many) {
    const section = el("section", {}, el("h2", {}, `How the handoff went${many}`));
    if (h.mode === "shadow") { section.append(el("p", { class: "empty" }, "Shadow mode: the trigger was recorded, nothing was done.")); return section; }
    const list = el("dl", { class: "packet" });
    const add = (name, value) => { if (value) list.append(el("dt", {}, name), el("dd", {}, value)); };
    add("Fired", `${clock(h.at_s, true)}, mostly for ${words(h.kind)}`);
    if (h.asked === "offer") add("Caller's answer", { yes: "yes, a person please", no: "no, stays with the bot", silent: "none" }[h.consent] || "none yet");
    add("Queue", h.queue);
    if (h.notice) add("Notice", `${h.notice.text ? `“${h.notice.text}”` : "a recording"} ${clock(h.notice.start_s)}${h.notice.end_s === null ? "" : ` to ${clock(h.notice.end_s)}`}`);
    if (h.offers && h.offers.length) list.append(el("dt", {}, "Asked"), el("dd", {}, el("ul", {}, ...h.offers.map((o) => el("li", {}, `${o.agent} ${OFFERS[o.outcome] || "was still being asked"} (asked ${clock(o.at_s)})${o.reason ? `: “${o.reason}”` : ""}`)))));
    else if (h.t_s[0] !== null) add("Asked", "nobody could be asked");
    if (h.outcome) add("End", `${ENDS[h.outcome] || h.outcome}${h.ended_by ? `; ended by ${BY[h.ended_by] || h.ended_by}` : ""}${h.ended_s === null ? "" : ` at ${clock(h.ended_s)}`}.`);
    section.append(list, el("h3", {}, "Clocks"));
    if (h.t_s[0] === null) { section.append(el("p", { class: "empty" }, h.asked === "offer" ? "The caller did not take the offer, so no clock ran." : "No clock ran.")); return section; }
    const bar = el("div");
    bars.push([bar, h]);
    section.append(bar, measures(h));
    return section;
  }
  function measures(h) {
    const rows = MEASURES.map(([key, name]) => {
      const value = h.clocks_ms[key], goal = data.goals[key];
      const verdict = goal === null || value === null ? "" : value <= goal ? el("span", { class: "within" }, "✓ within") : el("span", { class: "over" }, "✗ over");
      return el("tr", {}, el("td", {}, name), el("td", { class: "n" }, value === null ? "not reached" : span(value)), el("td", { class: "n" }, goal === null ? "–" : span(goal)), el("td", {}, verdict));
    });
    return el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Measure"), el("th", { class: "n" }, "It took"), el("th", { class: "n" }, "Goal"), el("th", {}, el("span", { class: "unseen" }, "Verdict")))), el("tbody", {}, ...rows));
  }
  function clockbar(h, room) {
    const t0 = h.t_s[0], reached = h.t_s.map((t, n) => ({ n, t })).filter((c) => c.t !== null);
    const goals = MEASURES.filter(([key, , from]) => data.goals[key] !== null && from !== null && h.t_s[from] !== null).map(([key, name, from]) => ({ name, at: h.t_s[from] + data.goals[key] / 1000 }));
    const end = Math.max(...reached.map((c) => c.t), ...goals.map((g) => g.at), t0 + 0.1);
    const W = Math.max(240, room), at = (t) => 8 + ((t - t0) / (end - t0)) * (W - 32);
    const node = document.createElementNS(SVG, "svg");
    node.setAttribute("class", "clockbar");
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", reached.map((c) => `${CLOCKS[c.n][0]} ${CLOCKS[c.n][1]} after ${span((c.t - t0) * 1000)}`).join(", "));
    const rows = [], placed = reached.map((c) => {
      let row = rows.findIndex((last) => at(c.t) - last >= 26);
      if (row < 0) row = rows.length;
      rows[row] = at(c.t);
      return { ...c, row };
    });
    const top = 18 * rows.length + 4, last = reached[reached.length - 1].t, four = h.t_s[4] === null ? last : h.t_s[4];
    svg(node, "rect", { class: "b-seek", x: at(t0), y: top, width: Math.max(1, at(Math.min(four, last)) - at(t0)), height: 16 });
    if (last > four) svg(node, "rect", { class: "b-join", x: at(four), y: top, width: Math.max(1, at(last) - at(four)), height: 16 });
    placed.forEach((c) => {
      const y = 18 * (rows.length - c.row) - 4;
      svg(node, "line", { class: "stem", x1: at(c.t), x2: at(c.t), y1: y + 3, y2: top + 16 });
      const g = svg(node, "text", { x: at(c.t), y, "text-anchor": at(c.t) < 14 ? "start" : "middle" }, CLOCKS[c.n][0]);
      svg(g, "title", {}, `${CLOCKS[c.n][1]}: ${clock(c.t, true)}, ${span((c.t - t0) * 1000)} after t0`);
    });
    goals.forEach((g, n) => {
      svg(node, "line", { class: "goal", x1: at(g.at), x2: at(g.at), y1: top - 2, y2: top + 22 });
      svg(node, "text", { class: "goal-text", x: at(g.at), y: top + 36 + 16 * n, "text-anchor": at(g.at) > W * 0.7 ? "end" : at(g.at) < W * 0.2 ? "start" : "middle" }, `goal: ${g.name.toLowerCase()}`);
    });
    const height = top + 24 + 16 * goals.length + 8;
    node.setAttribute("viewBox", `0 0 ${W} ${height}`);
    node.setAttribute("height", height);
    const legend = el("ol", { class: "unseen" }, ...reached.map((c) => el("li", {}, `${CLOCKS[c.n][0]}: ${CLOCKS[c.n][1]}`)));
    const key = el("p", { class: "hint" }, reached.map((c) => `${c.n === 0 ? "" : " · "}${CLOCKS[c.n][0]} ${CLOCKS[c.n][1].toLowerCase()} ${c.n === 0 ? clock(t0, true) : `+${span((c.t - t0) * 1000)}`}`).join(""));
    return el("div", {}, node, key, legend);
  }

  // ---- go

  handoffs();
  let pending = 0;
  new ResizeObserver(() => { cancelAnimationFrame(pending); pending = requestAnimationFrame(drawAll); }).observe(chart);
  function drawAll() {
    draw();
    bars.forEach(([bar, h]) => bar.replaceChildren(clockbar(h, bar.clientWidth)));
  }
  drawAll();
})();
