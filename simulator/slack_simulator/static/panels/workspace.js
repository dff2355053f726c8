// One workspace as a window of its own: its name and limits, its people, and what the chosen person sees.

import { append, h, setText } from "../dom.js";
import { chosenMember } from "../state.js";
import { composer } from "./composer.js";
import { homeTab } from "./home.js";
import { memberList } from "./members.js";
import { personBar } from "./person.js";
import { countOn } from "./trouble.js";

const COLOURS = 6;
const BUSY_SHARE = 0.85;

/** All workspaces side by side under `root`. */
export function workspaceGrid(root, commands) {
  const cards = new Map();
  return {
    update(state) {
      root.setAttribute("aria-busy", String(state.connection === "loading"));
      if (state.workspaces.length === 0) return showPlaceholder(root, state, cards);
      root.querySelector(":scope > .placeholder")?.remove();
      state.workspaces.forEach((workspace, index) => {
        if (!cards.has(workspace.id)) {
          cards.set(workspace.id, workspaceCard(workspace, index, commands));
          root.append(cards.get(workspace.id).node);
        }
        cards.get(workspace.id).update(state, workspace);
      });
      const present = new Set(state.workspaces.map((workspace) => workspace.id));
      for (const [id, card] of cards) {
        if (present.has(id)) continue;
        card.node.remove();
        cards.delete(id);
      }
    },
    tick(state) {
      for (const card of cards.values()) card.tick(state);
    },
  };
}

function showPlaceholder(root, state, cards) {
  cards.clear();
  const words =
    state.connection === "live" ? "No workspaces yet. Start the simulator with its default seed to get two." : "";
  if (root.querySelector(":scope > .placeholder")?.dataset.words === words) return;
  const skeleton = () =>
    h("div", { class: "workspace skeleton" }, h("div", { class: "bar" }), h("div", { class: "body" }));
  root.replaceChildren(
    h("div", { class: "placeholder", data: { words } }, words ? h("p", {}, words) : [skeleton(), skeleton()]),
  );
}

function workspaceCard(workspace, index, commands) {
  const team = workspace.id;
  const [people, person, home, compose] = [
    memberList(team, commands),
    personBar(team, commands),
    homeTab(team, commands),
    composer(team, commands),
  ];
  const name = h("h2", { class: "workspace-name" });
  const kind = h("span", { class: "workspace-kind" });
  const installed = h("span", { class: "pill", testid: "installed" });
  const trouble = h("span", { class: "pill pill-trouble", testid: "workspace-trouble-pill" });
  const meters = h("div", { class: "meters", "aria-label": "Calls against Slack's limits" });
  const initial = h("span", { class: "workspace-initial", "aria-hidden": "true" });
  const node = h(
    "section",
    {
      class: `workspace hue-${index % COLOURS}`,
      testid: "workspace",
      data: { team },
      on: { pointerdown: () => commands.focusWorkspace(team), focusin: () => commands.focusWorkspace(team) },
    },
    h(
      "header",
      { class: "workspace-head" },
      initial,
      h("div", { class: "workspace-title" }, name, kind),
      installed,
      trouble,
      meters,
    ),
    h(
      "div",
      { class: "workspace-body" },
      h("nav", { class: "sidebar", "aria-label": "People" }, people.node),
      h("div", { class: "pane" }, person.node, home.node, compose.node),
    ),
  );
  return {
    node,
    update(state, current) {
      setText(name, current.name);
      setText(initial, Array.from(current.name)[0] ?? "?");
      setText(kind, current.kind === "org" ? "Enterprise organisation" : `${current.members.length} members`);
      setText(installed, current.installed ? "Installed" : "Not installed");
      installed.dataset.on = String(Boolean(current.installed));
      node.setAttribute("aria-label", current.name);
      showTrouble(trouble, current.trouble);
      showMeters(meters, current.rate ?? {});
      people.update(state, current);
      const member = chosenMember(state, team);
      node.dataset.user = member?.id ?? "";
      person.update(state, current, member);
      home.update(state, current, member);
      compose.update(state, current, member);
    },
    tick(state) {
      person.tick(state);
      home.tick(state);
    },
  };
}

function showTrouble(pill, trouble = {}) {
  const on = countOn(trouble);
  pill.hidden = on === 0;
  setText(pill, on === 1 ? "1 trouble" : `${on} troubles`);
}

function showMeters(meters, rate) {
  const shown = Object.entries(rate)
    .filter(([, { used }]) => used > 0)
    .sort(([a], [b]) => a.localeCompare(b))
    .slice(0, 3);
  const key = JSON.stringify(shown);
  if (meters.dataset.key === key) return;
  meters.dataset.key = key;
  meters.replaceChildren();
  append(
    meters,
    shown.map(([method, { used, limit }]) =>
      h(
        "span",
        { class: "meter", title: `${method}: ${Math.round(used)} of ${limit} calls a minute used` },
        h("span", { class: "meter-name" }, method),
        h(
          "meter",
          { min: "0", max: limit, high: Math.floor(limit * BUSY_SHARE), value: String(used), "aria-label": method },
          `${used} of ${limit}`,
        ),
      ),
    ),
  );
}
