// The Home tab of the chosen person, with the states in which there is none.

import { formatDate, usableZone } from "../dates.js";
import { BlockList } from "../blocks.js";
import { append, h, setText } from "../dom.js";
import { Selections } from "../selections.js";
import { displayName, memberOf, personKey, simulatedNow, workspaceOf } from "../state.js";

/** The Home tab in workspace `team`. Each person's view keeps its own nodes' choices in `Selections`. */
export function homeTab(team, commands) {
  const tab = h(
    "div",
    { class: "home-tabs" },
    h("span", { class: "home-app" }),
    h("span", { class: "home-tab" }, "Home"),
  );
  const blocks = h("div", { class: "blocks" });
  const empty = h("div", { class: "home-empty" });
  const scroller = h(
    "div",
    { class: "home-scroll", tabindex: "0", role: "region", "aria-label": "Home tab" },
    blocks,
    empty,
  );
  const node = h("div", { class: "home", testid: "home" }, tab, scroller);
  const people = new Map(); // the choices of each reader outlive looking at somebody else
  let list = new BlockList(blocks);
  let shownUser = null;
  let shownHash = null;
  return {
    node,
    update(state, workspace, member) {
      setText(tab.firstChild, state.app?.name ?? "App");
      if (!member) return;
      const home = state.homes.get(personKey(team, member.id));
      if (shownUser !== member.id) {
        list = new BlockList(blocks);
        blocks.replaceChildren();
        scroller.scrollTop = 0;
        [shownUser, shownHash] = [member.id, null];
      }
      node.dataset.user = member.id;
      node.dataset.hash = home?.hash ?? "";
      const view = member.deactivated || !workspace.installed ? null : home?.view;
      blocks.hidden = !view;
      if (view && shownHash !== home.hash) {
        shownHash = home.hash;
        if (!people.has(member.id)) people.set(member.id, new Selections());
        people.get(member.id).adopt(view, home.values);
        list.update(view.blocks ?? [], context(team, member.id, people.get(member.id), state, commands));
      }
      showEmpty(empty, view ? null : absence(state, workspace, member, home), commands);
    },
    tick(state) {
      const member = memberOf(state, team, shownUser);
      if (!member) return;
      const when = { now: simulatedNow(state), zone: usableZone(member.tz) };
      for (const time of blocks.querySelectorAll("time.bk-date")) {
        const text = formatDate(Number(time.dataset.epoch), time.dataset.format, when);
        if (text !== null) setText(time, text);
      }
    },
  };
}

function context(team, user, selections, state, commands) {
  return {
    selections,
    zone: usableZone(memberOf(state, team, user)?.tz),
    now: () => simulatedNow(state),
    personName: (id) => displayName(memberOf(state, team, id)) || null,
    people: () =>
      (workspaceOf(state, team)?.members ?? []).map((member) => ({ id: member.id, name: displayName(member) })),
    act: (action) => commands.act(team, user, action),
    followLink: (event, url) => commands.followLink(event, url, team, user),
  };
}

// Why there is no Home tab to see: `{kind, title, text, link?}`.
function absence(state, workspace, member, home) {
  const app = state.app?.name ?? "The app";
  const name = displayName(member);
  if (member.deactivated) {
    return {
      kind: "gone",
      title: `${name}’s account is deactivated`,
      text: "Nobody can sign in as this person. Reactivate the account under Trouble.",
    };
  }
  if (!workspace.installed) {
    return {
      kind: "not-installed",
      title: `${app} is not in ${workspace.name} yet`,
      text: `Add it as ${name}, and its Home tab appears here.`,
      install: state.app?.install_url,
      label: `Add ${app} to ${workspace.name}`,
    };
  }
  if (!home || home.status === "loading") return { kind: "loading" };
  return {
    kind: "nothing",
    title: "This is a work in progress",
    text: `${app} has not published a Home tab for ${name}. Choose ${name} again to look once more, or add it as ${name}.`,
    install: state.app?.install_url,
    label: `Add ${app} as ${name}`,
  };
}

function showEmpty(node, reason, commands) {
  const key = JSON.stringify(reason);
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.dataset.testid = reason ? `home-${reason.kind}` : "";
  node.hidden = !reason;
  node.replaceChildren();
  if (!reason) return;
  if (reason.kind === "loading") {
    append(node, [
      h("p", { class: "visually-hidden" }, "Loading the Home tab"),
      ...["w60", "w90", "w75", "w40"].map((width) => h("div", { class: `bone ${width}` })),
    ]);
    return;
  }
  append(node, [
    h("div", { class: "empty-art", "aria-hidden": "true" }),
    h("h4", {}, reason.title),
    h("p", {}, reason.text),
    reason.install &&
      h(
        "a",
        {
          class: "btn btn-primary",
          href: reason.install,
          testid: "install",
          on: { click: (event) => commands.install(event, reason.install, node.closest(".workspace").dataset.team) },
        },
        reason.label,
      ),
  ]);
}
