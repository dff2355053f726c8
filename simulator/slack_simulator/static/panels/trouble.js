// The buttons that make trouble: for the chosen person, for one workspace, and everywhere; each says what it does.

import { append, h, setText } from "../dom.js";
import { chosenMember, displayName, workspaceOf } from "../state.js";

/** What happens to one person, once. `{name}` is the person's name. */
const PERSON = [
  {
    name: "revoke_token",
    label: "Revoke the token",
    text: "Slack forgets {name}’s permission and sends tokens_revoked; calls with it answer token_revoked.",
    danger: true,
  },
  {
    name: "deactivate_member",
    label: "Deactivate the account",
    text: "As an admin would. No event says “deactivated”: the app learns it from a dead token.",
    danger: true,
    when: (member) => !member.deactivated,
  },
  {
    name: "reactivate_member",
    label: "Reactivate the account",
    text: "{name} can sign in again, and has to connect anew.",
    when: (member) => member.deactivated,
  },
];

/** What happens to one workspace, once. */
const WORKSPACE = [
  {
    name: "uninstall",
    label: "Uninstall the app",
    text: "Every token of this workspace dies; app_uninstalled and tokens_revoked come in any order.",
    danger: true,
  },
  {
    name: "revoke_bot",
    label: "Revoke the bot token",
    text: "views.publish answers token_revoked; the people’s own tokens go on.",
    danger: true,
  },
  {
    name: "rate_limit",
    label: "Limit photos for 60 s",
    body: { method: "users.setPhoto", seconds: 60 },
    text: "users.setPhoto answers 429 with Retry-After, on the simulated clock.",
  },
  {
    name: "rate_limit",
    label: "Limit Home tabs for 60 s",
    body: { method: "views.publish", seconds: 60 },
    text: "views.publish answers 429 with Retry-After, on the simulated clock.",
  },
];

/** Switches that hold until they are switched off, in one workspace or everywhere; `field` is where the state tells. */
const SWITCHES = [
  {
    name: "images_unreachable",
    label: "Pictures cannot be fetched",
    text: "Slack cannot download what a Home tab shows, and refuses the view.",
  },
  { name: "answer_500", label: "Answer 500", text: "Every Web API call fails with status 500." },
  {
    name: "slow",
    label: "Answer slowly",
    text: "Each answer takes nine seconds.",
    on: { seconds: 9 },
    off: { seconds: 0 },
  },
  {
    name: "cut_connections",
    id: "cut_before",
    field: "cut",
    is: "before",
    label: "Cut connections before the work",
    text: "The line drops and nothing was done.",
    on: { on: true, when: "before" },
  },
  {
    name: "cut_connections",
    id: "cut_after",
    field: "cut",
    is: "after",
    label: "Cut connections after the work",
    text: "It was done, but the answer is lost.",
    on: { on: true, when: "after" },
  },
  {
    name: "ratelimited_200",
    label: "Limit with status 200",
    text: "“ratelimited” without Retry-After, as Slack has been seen to answer.",
  },
  { name: "deliver_twice", label: "Deliver twice", text: "Every event comes twice under the same id." },
  { name: "out_of_order", label: "Deliver out of order", text: "Events overtake each other." },
  { name: "lock_photos", label: "Lock photos", text: "The organisation forbids its people to change their photos." },
  {
    name: "no_profile",
    label: "Leave the profile out",
    text: "users.setPhoto answers ok and nothing else, as its documentation shows.",
  },
  { name: "home_tab_off", label: "Switch the Home tab off", text: "views.publish answers not_enabled." },
  { name: "blank_state", label: "Lose the OAuth state", text: "Coming back from Allow, state is empty." },
  { name: "bare_denial", label: "Deny without a word", text: "Cancel comes back without error_description." },
].map((item) => ({ id: item.name, field: item.name, on: { on: true }, off: { on: false }, ...item }));

/** The panel. `update(state)` returns how many switches are on in all. */
export function troublePanel(commands) {
  const person = column("This person");
  const workspace = column("This workspace");
  const everywhere = column("Everywhere");
  const node = h("div", { class: "trouble" }, person.node, workspace.node, everywhere.node);
  let focus = { team: null, user: null };

  const personal = PERSON.map((item) => ({
    item,
    row: actionRow(item, "member", () => commands.trouble(item.name, { ...focus })),
  }));
  append(
    person.list,
    personal.map(({ row }) => row.node),
  );
  const once = WORKSPACE.map((item) =>
    actionRow(item, "workspace", () => commands.trouble(item.name, { team: focus.team, ...item.body })),
  );
  const local = SWITCHES.map((item) =>
    switchRow(item, "workspace", (body) => commands.trouble(item.name, { team: focus.team, ...body })),
  );
  append(
    workspace.list,
    [...once, ...local].map((row) => row.node),
  );
  const global = SWITCHES.map((item) => switchRow(item, "global", (body) => commands.trouble(item.name, body)));
  const calm = actionRow(
    { name: "clear", label: "Everything works again", text: "Switches all trouble off, here and in every workspace." },
    "global",
    () => commands.trouble("clear", {}),
  );
  const enable = actionRow(
    {
      name: "enable_events",
      label: "Enable events again",
      text: "Slack has disabled the app’s events, because too many deliveries failed.",
    },
    "global",
    () => commands.trouble("enable_events", {}),
  );
  append(
    everywhere.list,
    [calm, enable, ...global].map((row) => row.node),
  );

  return {
    node,
    update(state) {
      const team = state.focus ?? state.workspaces[0]?.id ?? null;
      const current = workspaceOf(state, team);
      const member = current && chosenMember(state, team);
      focus = { team, user: member?.id ?? null };
      person.node.hidden = !member;
      workspace.node.hidden = !current;
      setText(person.subject, member ? displayName(member) : "");
      setText(workspace.subject, current?.name ?? "");
      for (const { item, row } of personal) row.update(member, displayName(member));
      for (const row of once) row.update(current, current?.name);
      for (const row of local) row.update(current?.trouble ?? {});
      for (const row of global) row.update(state.trouble);
      enable.update(state.app?.events_disabled);
      return [state.trouble, ...state.workspaces.map((each) => each.trouble ?? {})].reduce(
        (sum, switches) => sum + countOn(switches),
        0,
      );
    },
  };
}

/** How many switches are on in the `trouble` of a workspace, or in that of everywhere. */
export function countOn(switches) {
  return SWITCHES.filter((item) => isOn(item, switches)).length;
}

function isOn({ field, is }, switches) {
  return is ? switches[field] === is : Boolean(switches[field]);
}

function column(title) {
  const subject = h("span", { class: "trouble-subject" });
  const list = h("div", { class: "trouble-list" });
  return { subject, list, node: h("section", { class: "trouble-column" }, h("h3", {}, title, subject), list) };
}

function actionRow(item, scope, run) {
  const click = async (event) => {
    const button = event.currentTarget;
    button.setAttribute("aria-busy", "true");
    await run();
    button.removeAttribute("aria-busy");
  };
  const suffix = item.body?.method ? `-${item.body.method}` : "";
  const button = h(
    "button",
    {
      type: "button",
      class: `btn btn-small${item.danger ? " btn-danger-quiet" : ""}`,
      testid: `trouble-${scope}-${item.name}${suffix}`,
      on: { click },
    },
    item.label,
  );
  const text = h("p", {}, item.text);
  const node = h("div", { class: "trouble-row" }, button, text);
  return {
    node,
    update(subject, name = "") {
      node.hidden = !subject || (item.when ? !item.when(subject) : false);
      setText(text, item.text.replace("{name}", name));
    },
  };
}

function switchRow(item, scope, run) {
  let underWay = 0; // what the state says meanwhile is not yet what was chosen here
  const change = async () => {
    underWay += 1;
    await run(input.checked ? item.on : item.off);
    underWay -= 1;
  };
  const input = h("input", { type: "checkbox", role: "switch", testid: `trouble-${scope}-${item.id}`, on: { change } });
  const node = h(
    "label",
    { class: "trouble-row trouble-switch" },
    input,
    h("span", { class: "switch", "aria-hidden": "true" }),
    h("span", { class: "switch-words" }, h("strong", {}, item.label), h("span", {}, item.text)),
  );
  return {
    node,
    update(switches) {
      if (underWay === 0) input.checked = isOn(item, switches);
    },
  };
}
