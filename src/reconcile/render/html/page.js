"use strict";
// Nothing here makes markup of text: all of it goes into text nodes.
(() => {
  const { entries, texts, actions, situations, severities } = JSON.parse(document.getElementById("plan").textContent);
  const [FIRST, STEP, LINES] = [60, 120, 6];
  const [ATTENTION, BLOCKED, NOTHING] = [1, 2, 3];
  const TONES = { create: "good", restore: "good", update: "plain", link: "plain", relink: "plain", disable: "bad", delete: "bad", exception: "warn" };
  const at = (id) => document.getElementById(id);
  const figure = (number) => number.toLocaleString("en");
  const state = (entry) => entry.n & 3;
  const loses = (entry) => entry.n > 3;
  // It failed before, and is tried again later.
  const waits = (entry) => (entry.p ?? []).some(([, rule]) => texts[rule] === "quarantine");

  // What needs a person first, then what takes something away; else in the order of the plan.
  const rank = (entry) => [2, 1, 0, 4][state(entry)] - (loses(entry) && state(entry) === 0 ? 0.5 : 0);
  const order = entries.map((entry, index) => [rank(entry), index]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, index]) => index);

  // Text to search in: without case and accents. It is made while nothing else is to be done.
  const fold = (text) => {
    const lower = text.toLowerCase();
    return /^[\x00-\x7f]*$/.test(lower) ? lower : lower.normalize("NFD").replace(/\p{M}/gu, "").normalize("NFC");
  };
  const folded = texts.map(fold);
  const hay = new Array(entries.length);
  const haystack = (index) => hay[index] ??= (() => {
    const entry = entries[index];
    const own = [entry.i, entry.l, entry.o, entry.u, entry.r, ...(entry.f ?? [])];
    const known = [entry.k];
    for (const [name, rule, now, old, through] of entry.c ?? []) {
      known.push(name, rule);
      own.push(old, now, through);
    }
    for (const [name, rule, given, , taken] of entry.e ?? []) {
      known.push(name, rule);
      own.push(...given, ...taken);
    }
    for (const [name, rule] of entry.x ?? []) known.push(name, rule);
    for (const [, rule, what] of entry.p ?? []) {
      known.push(rule);
      own.push(what);
    }
    if (entry.v !== undefined) known.push(entry.v);
    return fold(own.filter(Boolean).join("\n")) + "\n" + known.map((text) => folded[text]).join("\n")
      + "\n" + actions[entry.a] + "\n" + situations[entry.s];
  })();
  const idle = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 8 }), 1));
  let prepared = 0;
  const prepare = (time) => {
    while (prepared < order.length && time.timeRemaining() > 1) {
      const end = Math.min(prepared + 200, order.length);
      for (; prepared < end; prepared++) haystack(order[prepared]);
    }
    if (prepared < order.length) idle(prepare);
  };

  // Elements.
  const element = (tag, kind, ...children) => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...children.filter((child) => child !== undefined && child !== ""));
    return made;
  };
  const outside = (text) => element("bdi", "", text);
  // Messages put names and values between backticks.
  const message = (text) => {
    const parts = text.split("`");
    return parts.length % 2 ? element("bdi", "", ...parts.map((part, index) => (index % 2 ? element("code", "", part) : part))) : outside(text);
  };
  const attribute = (number) => element("span", "attribute", outside(texts[number]));
  const by = (rule) => element("span", "by", outside(texts[rule]));
  const line = (kind, ...children) => element("p", kind, ...children);
  const names = (several, more) => {
    const shown = several.flatMap((name, index) => (index ? [", ", outside(name)] : [outside(name)]));
    return more ? [...shown, ` and ${figure(more)} more`] : shown;
  };

  const lines = (entry) => {
    const made = [];
    for (const [severity, rule, what] of entry.p ?? []) {
      const word = severities[severity];
      made.push(line(word === "warning" ? "said" : `wrong ${word}`, message(what), " ", element("small", "", outside(texts[rule]))));
    }
    if (entry.v !== undefined) made.push(line("said", "because ", message(texts[entry.v])));
    if (entry.r) made.push(line("said", message(entry.r)));
    if (entry.u) made.push(line("said", `waits until ${entry.u}`));
    for (const [name, rule, now, old, through] of entry.c ?? []) {
      const before = typeof old === "string" ? [element("del", "", outside(old)), " → "] : [];
      const between = through ? [" by way of ", outside(through)] : [];
      made.push(line("", attribute(name), " ", ...before, outside(now), ...between, by(rule)));
    }
    for (const [name, rule, given, moreGiven, taken, moreTaken] of entry.e ?? []) {
      if (given.length) made.push(line("", attribute(name), " + ", ...names(given, moreGiven), by(rule)));
      if (taken.length) made.push(line("", attribute(name), " − ", ...names(taken, moreTaken), by(rule)));
    }
    for (const [name, rule] of entry.x ?? []) made.push(line("", attribute(name), " secret", by(rule)));
    for (const before of entry.f ?? []) made.push(line("said", "after ", outside(before)));
    return made;
  };

  const row = (index) => {
    const entry = entries[index];
    const action = actions[entry.a];
    const held = state(entry) === BLOCKED ? element("span", "state badge blocks", waits(entry) ? "waiting" : "blocked") : "";
    const what = element("td", "");
    const all = lines(entry);
    what.append(...all.slice(0, LINES));
    if (all.length > LINES) {
      const open = element("button", "open", `and ${figure(all.length - LINES)} more`);
      open.type = "button";
      open.addEventListener("click", () => {
        open.replaceWith(...all.slice(LINES));
        what.tabIndex = -1;
        what.focus({ preventScroll: true });
      });
      what.append(open);
    }
    const who = element("th", "", outside(entry.l ?? entry.i),
      entry.l ? element("small", "", outside(entry.i)) : "", entry.o ? element("small", "", outside(entry.o)) : "");
    who.scope = "row";
    const made = element("tr", "", element("td", "", element("span", `badge ${TONES[action] ?? ""}`, action), held), who, what,
      element("td", "found", situations[entry.s]));
    // Where the table is laid out as blocks it stays a table.
    made.role = "row";
    who.role = "rowheader";
    made.querySelectorAll("td").forEach((cell) => { cell.role = "cell"; });
    return made;
  };

  // Which entries are shown, and how many of them.
  const [search, next, rows, found, tools] = ["search", "next", "rows", "found", "tools"].map(at);
  const selects = Object.fromEntries(["state", "action", "situation", "problem", "class"].map((name) => [name, at(name)]));
  let [chosen, shown] = [[], 0];
  const tests = {
    state: (entry, value) => ({
      runs: state(entry) === 0, attention: state(entry) === ATTENTION || state(entry) === BLOCKED, blocked: state(entry) === BLOCKED,
      loses: loses(entry), problem: Boolean(entry.p), nothing: state(entry) === NOTHING,
    })[value],
    action: (entry, value) => actions[entry.a] === value,
    situation: (entry, value) => situations[entry.s] === value,
    problem: (entry, value) => (entry.p ?? []).some(([, rule]) => texts[rule] === value),
    class: (entry, value) => texts[entry.k] === value,
  };
  const extend = (count) => {
    const end = Math.min(shown + count, chosen.length);
    const part = document.createDocumentFragment();
    for (; shown < end; shown++) part.append(row(chosen[shown]));
    rows.append(part);
    next.hidden = shown >= chosen.length;
    const all = chosen.length === entries.length ? "" : ` of ${figure(entries.length)}`;
    const seen = shown < chosen.length ? `, the first ${figure(shown)} are shown` : "";
    found.textContent = `${figure(chosen.length)}${all} ${(all ? entries : chosen).length === 1 ? "entry" : "entries"}${seen}`;
  };
  const filter = () => {
    const terms = fold(search.value).split(/\s+/).filter(Boolean);
    const active = Object.entries(selects).filter(([, select]) => select.value !== "").map(([name, select]) => [tests[name], select.value]);
    chosen = order.filter((index) => active.every(([test, value]) => test(entries[index], value))
      && terms.every((term) => haystack(index).includes(term)));
    rows.replaceChildren();
    shown = 0;
    extend(FIRST);
  };

  // What there is to choose from, with how often.
  const offer = (name, all, values) => {
    const counts = new Map();
    for (const entry of entries) for (const value of new Set(values(entry))) counts.set(value, (counts.get(value) ?? 0) + 1);
    const options = [...counts].map(([value, count]) => new Option(`${value.length > 60 ? value.slice(0, 60) + "…" : value} (${figure(count)})`, value));
    selects[name].append(new Option(all, ""), ...options);
    selects[name].closest("label").hidden = options.length < 2;
  };
  const STATES = { attention: "needs a person", blocked: "blocked", problem: "has a problem or warning", loses: "loses something", runs: "is carried out", nothing: "nothing is done" };
  selects.state.append(new Option("all", ""));
  let differs = false;
  for (const [value, words] of Object.entries(STATES)) {
    const count = entries.filter((entry) => tests.state(entry, value)).length;
    if (count) selects.state.append(new Option(`${words} (${figure(count)})`, value));
    differs ||= count > 0 && count < entries.length;
  }
  selects.state.closest("label").hidden = !differs;
  offer("action", "any", (entry) => [actions[entry.a]]);
  offer("situation", "any", (entry) => [situations[entry.s]]);
  offer("problem", "any or none", (entry) => (entry.p ?? []).map(([, rule]) => texts[rule]));
  offer("class", "any", (entry) => [texts[entry.k]]);
  selects.problem.closest("label").hidden = selects.problem.length < 2;

  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 90);
  });
  Object.values(selects).forEach((select) => select.addEventListener("change", filter));
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("reset", () => setTimeout(filter));
  next.addEventListener("click", () => extend(STEP));
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting) && !next.hidden) extend(STEP); }, { rootMargin: "400px" }).observe(next);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-show]");
    if (!link) return;
    tools.reset();
    const select = selects[link.dataset.show];
    // A value that no entry has shows none of them, and not all.
    if (![...select.options].some((option) => option.value === link.dataset.value)) select.append(new Option(link.dataset.value, link.dataset.value));
    select.value = link.dataset.value;
    select.closest("label").hidden = false;
    setTimeout(filter);
  });

  // On paper nothing can be unfolded.
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open])")];
    unfolded.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => unfolded.forEach((part) => { part.open = false; }));

  at("list").role = "table";
  rows.role = "rowgroup";
  [tools, found, at("list")].forEach((part) => { part.hidden = false; });
  filter();
  idle(prepare);
})();
