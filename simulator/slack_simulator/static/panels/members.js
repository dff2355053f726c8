// The people of one workspace: photos, names, and whether the app may change their photo. Choosing one is being them.

import { h, setText } from "../dom.js";
import { displayName, personKey } from "../state.js";
import { photo } from "./photo.js";

/** What a member's relation to the app is: `[key, words]`. */
export function standing(member) {
  if (member.deactivated) return ["gone", "Deactivated"];
  if (member.token_state === "expired") return ["dead", "Token expired"];
  if (!member.connected) return ["visitor", "Not connected"];
  return ["connected", "Connected"];
}

/** The list of members of workspace `team`. `update(state, workspace)` brings it up to date. */
export function memberList(team, commands) {
  const list = h("ul", { class: "members", "aria-label": "Members" });
  const rows = new Map();
  return {
    node: list,
    update(state, workspace) {
      for (const member of workspace.members) {
        if (!rows.has(member.id)) {
          rows.set(member.id, memberRow(team, member, commands));
          list.append(rows.get(member.id).node);
        }
        const changes = state.photoChanges.get(personKey(team, member.id))?.count ?? 0;
        rows.get(member.id).update(member, state.chosen[team] === member.id, changes);
      }
      const present = new Set(workspace.members.map((member) => member.id));
      for (const [id, row] of rows) {
        if (present.has(id)) continue;
        row.node.remove();
        rows.delete(id);
      }
    },
  };
}

function memberRow(team, member, commands) {
  const picture = photo("photo-small");
  const name = h("span", { class: "member-name" });
  const state = h("span", { class: "member-state" });
  const count = h("span", { class: "member-count" });
  const button = h(
    "button",
    {
      type: "button",
      class: "member",
      testid: "member",
      data: { team, user: member.id },
      on: { click: () => commands.choosePerson(team, member.id) },
    },
    h("span", { class: "member-photo" }, picture.node, count),
    h("span", { class: "member-text" }, name, state),
  );
  return {
    node: h("li", {}, button),
    update(changed, chosen, changes) {
      const [key, words] = standing(changed);
      picture.update(changed);
      setText(name, displayName(changed));
      setText(state, words);
      setText(count, changes > 0 ? String(changes) : "");
      count.title =
        changes > 0 ? `${changes} photo ${changes === 1 ? "change" : "changes"} since this page was opened` : "";
      button.dataset.state = key;
      button.dataset.hash = changed.avatar.hash;
      if (chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    },
  };
}
