// The dock below the workspaces: two tabs, the log and the trouble, and how much room it takes.

import { append, h, icon } from "../dom.js";
import { logPanel } from "./log.js";
import { troublePanel } from "./trouble.js";

/** Fill `root`. `show(name)` opens one of the tabs `log` and `trouble`. */
export function dock(root, commands) {
  const panels = { log: logPanel(commands), trouble: troublePanel(commands) };
  const words = { log: "Log", trouble: "Trouble" };
  const tabs = Object.keys(panels).map((name) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": `panel-${name}`,
        testid: `tab-${name}`,
        class: "tab",
        data: { name },
        on: { click: () => show(name) },
      },
      words[name],
      h("span", { class: "tab-count" }),
    ),
  );
  const fold = h(
    "button",
    {
      type: "button",
      class: "btn btn-quiet btn-icon dock-fold",
      testid: "dock-fold",
      on: { click: () => setFolded(!root.classList.contains("is-folded")) },
    },
    icon("chevron"),
  );
  const pages = Object.entries(panels).map(([name, { node }]) =>
    h("div", { id: `panel-${name}`, role: "tabpanel", class: "dock-panel", "aria-labelledby": `tab-${name}` }, node),
  );
  const tablist = h("div", { class: "tabs", role: "tablist", "aria-label": "Log and trouble" }, tabs);
  append(root, [h("div", { class: "dock-head" }, tablist, panels.log.filters, fold), pages]);

  function setFolded(folded) {
    root.classList.toggle("is-folded", folded);
    fold.setAttribute("aria-expanded", String(!folded));
    fold.setAttribute("aria-label", folded ? "Unfold the log and trouble" : "Fold the log and trouble away");
  }

  function show(name) {
    setFolded(false);
    root.dataset.panel = name;
    for (const tab of tabs) {
      const chosen = tab.dataset.name === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    for (const page of pages) page.hidden = page.id !== `panel-${name}`;
  }

  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.indexOf(event.target);
    if (!step || at === -1) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    show(next.dataset.name);
    next.focus();
  });

  show("log");
  return {
    show,
    update(state) {
      panels.log.update(state);
      const active = panels.trouble.update(state);
      tabs[1].lastChild.textContent = active > 0 ? String(active) : "";
    },
  };
}
