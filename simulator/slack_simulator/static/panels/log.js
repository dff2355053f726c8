// The log of calls, events, interactions, limits and retries, with filters. Newest first.

import { append, h, icon } from "../dom.js";
import { displayName, memberOf, workspaceOf } from "../state.js";

const KINDS = {
  call: "Calls",
  event: "Events",
  interaction: "Clicks",
  command: "Commands",
  limit: "Limits",
  retry: "Retries",
  image: "Pictures",
  oauth: "OAuth",
  trouble: "Trouble",
};
const ROWS_SHOWN = 250;

/** Whether something went wrong in this entry. */
export function isProblem(entry) {
  return entry.kind === "limit" || entry.kind === "retry" || Boolean(entry.error) || entry.status >= 400;
}

/** Whether an entry passes the filters `{kinds: Set, team, problems, words}`; no kinds means all of them. */
export function passes(entry, { kinds, team, problems, words }) {
  if (kinds.size > 0 && !kinds.has(entry.kind)) return false;
  if (team && entry.team !== team) return false;
  if (problems && !isProblem(entry)) return false;
  if (!words) return true;
  return [entry.method, entry.user, entry.error, entry.detail].join(" ").toLowerCase().includes(words.toLowerCase());
}

/** The log: `node` holds the rows, `filters` stands in the dock's head. */
export function logPanel() {
  const chosen = { kinds: new Set(), team: "", problems: false, words: "" };
  const rows = h("tbody", {});
  const none = h("p", { class: "log-none", testid: "log-empty" });
  const node = h("div", { class: "log" }, h("table", { testid: "log" }, tableHead(), rows), none);
  const nodes = new Map();
  let last = null;
  const redraw = () => last && draw(last);
  const team = h(
    "select",
    {
      "aria-label": "Workspace",
      testid: "log-team",
      on: {
        change: (event) => {
          chosen.team = event.target.value;
          redraw();
        },
      },
    },
    h("option", { value: "" }, "All workspaces"),
  );
  const filters = h(
    "div",
    { class: "log-filters" },
    kindChips(chosen, redraw),
    h("span", { class: "select select-small" }, team, icon("chevron")),
    problemsChip(chosen, redraw),
    search(chosen, redraw),
  );

  function draw(state) {
    const shown = state.log
      .filter((entry) => passes(entry, chosen))
      .slice(-ROWS_SHOWN)
      .reverse();
    const wanted = new Set(shown.map((entry) => entry.n));
    for (const [n, row] of nodes) {
      if (wanted.has(n)) continue;
      row.remove();
      nodes.delete(n);
    }
    let before = rows.firstChild;
    for (const entry of shown) {
      if (nodes.has(entry.n)) before = nodes.get(entry.n).nextSibling;
      else {
        const row = logRow(entry, state);
        nodes.set(entry.n, row);
        rows.insertBefore(row, before);
      }
    }
    none.hidden = shown.length > 0;
    none.textContent =
      state.log.length === 0
        ? "Nothing has happened yet. Choose a person, or type a slash command."
        : "Nothing in the log passes these filters.";
  }

  return {
    node,
    filters,
    update(state) {
      last = state;
      if (team.options.length !== state.workspaces.length + 1) {
        append(
          team,
          state.workspaces.slice(team.options.length - 1).map(({ id, name }) => h("option", { value: id }, name)),
        );
      }
      draw(state);
    },
  };
}

function kindChips(chosen, redraw) {
  const chips = Object.entries(KINDS).map(([kind, words]) => {
    const toggle = (event) => {
      if (event.target.checked) chosen.kinds.add(kind);
      else chosen.kinds.delete(kind);
      redraw();
    };
    return h(
      "label",
      { class: `chip kind-${kind}` },
      h("input", { type: "checkbox", testid: `log-kind-${kind}`, on: { change: toggle } }),
      h("span", {}, words),
    );
  });
  return h("div", { class: "chips", role: "group", "aria-label": "Kinds of entries" }, chips);
}

function problemsChip(chosen, redraw) {
  const toggle = (event) => {
    chosen.problems = event.target.checked;
    redraw();
  };
  return h(
    "label",
    { class: "chip chip-problems" },
    h("input", { type: "checkbox", testid: "log-problems", on: { change: toggle } }),
    h("span", {}, "Only problems"),
  );
}

function search(chosen, redraw) {
  const type = (event) => {
    chosen.words = event.target.value.trim();
    redraw();
  };
  return h("input", {
    type: "search",
    class: "field field-small",
    placeholder: "Filter",
    "aria-label": "Filter by text",
    testid: "log-search",
    on: { input: type },
  });
}

function tableHead() {
  const heads = ["Time", "Kind", "Who", "What", "Result", "Took", "Detail"];
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      heads.map((words) => h("th", { scope: "col" }, words)),
    ),
  );
}

function logRow(entry, state) {
  const workspace = workspaceOf(state, entry.team);
  const hue = workspace ? `hue-${state.workspaces.indexOf(workspace) % 6}` : "";
  const bot = entry.user && state.app ? `${state.app.name} (bot)` : "";
  const who = displayName(memberOf(state, entry.team, entry.user)) || bot;
  const problem = isProblem(entry);
  const result = [entry.status || "", entry.error].filter(Boolean).join(" ") || "ok";
  const time = new Date(entry.at * 1000);
  return h(
    "tr",
    {
      testid: "log-row",
      class: problem ? "is-problem" : "",
      data: {
        n: entry.n,
        kind: entry.kind,
        method: entry.method ?? "",
        team: entry.team ?? "",
        user: entry.user ?? "",
        status: entry.status ?? "",
        error: entry.error ?? "",
      },
    },
    h("td", { class: "log-time", title: time.toLocaleString() }, time.toLocaleTimeString("en-GB")),
    h("td", {}, h("span", { class: `kind kind-${entry.kind}` }, entry.kind)),
    h(
      "td",
      { class: hue },
      workspace && h("span", { class: "log-dot", title: workspace.name }),
      who || workspace?.name || "",
    ),
    h("td", { class: "log-method" }, entry.method ?? ""),
    h("td", { class: "log-result" }, result),
    h("td", { class: "log-ms" }, entry.ms ? `${entry.ms < 10 ? entry.ms.toFixed(1) : Math.round(entry.ms)} ms` : ""),
    h("td", { class: "log-detail", title: entry.detail ?? "" }, entry.detail ?? ""),
  );
}
