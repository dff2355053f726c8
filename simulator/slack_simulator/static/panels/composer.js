// The slash command box, and above it what only this person can see: ephemeral answers and the app's messages.

import { append, h, icon, setText } from "../dom.js";
import { BlockList } from "../blocks.js";
import { draw, parse } from "../mrkdwn.js";
import { Selections } from "../selections.js";
import { usableZone } from "../dates.js";
import { displayName, memberOf, personKey, simulatedNow } from "../state.js";

/** The box of workspace `team`. */
export function composer(team, commands) {
  const messages = h("div", { class: "messages", "aria-live": "polite", testid: "messages" });
  const input = h("input", {
    type: "text",
    class: "command",
    testid: "command",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Slash command",
    placeholder: "Type a slash command, as /avatar help",
  });
  const button = h(
    "button",
    { type: "submit", class: "btn btn-icon btn-send", "aria-label": "Send the command", testid: "command-send" },
    icon("send"),
  );
  const node = h("div", { class: "composer" }, messages, h("form", { on: { submit } }, input, button));
  const history = [];
  let at = 0;
  let user = null;
  let shown = null;
  input.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    at = Math.max(0, Math.min(history.length, at + (event.key === "ArrowUp" ? -1 : 1)));
    input.value = history[at] ?? "";
  });
  async function submit(event) {
    event.preventDefault();
    const [command, ...rest] = input.value.trim().split(/\s+/);
    if (!command) return;
    history.push(input.value);
    at = history.length;
    input.value = "";
    button.setAttribute("aria-busy", "true");
    await commands.sendCommand(team, user, command.startsWith("/") ? command : `/${command}`, rest.join(" "));
    button.removeAttribute("aria-busy");
  }
  return {
    node,
    update(state, workspace, member) {
      user = member?.id ?? null;
      node.hidden = !member || member.deactivated;
      const kept = state.messages.get(personKey(team, user)) ?? [];
      if (shown === kept) return;
      shown = kept;
      messages.replaceChildren();
      append(
        messages,
        kept.map((message) => drawMessage(message, team, state, commands)),
      );
      messages.scrollTop = messages.scrollHeight;
    },
  };
}

function drawMessage(message, team, state, commands) {
  const member = memberOf(state, team, message.user);
  const zone = usableZone(member?.tz);
  const ctx = {
    zone,
    now: () => simulatedNow(state),
    selections: new Selections(),
    personName: (id) => displayName(memberOf(state, team, id)) || null,
    people: () => [],
    act: (action) => commands.act(team, message.user, action),
    followLink: (event, url) => commands.followLink(event, url, team, message.user),
  };
  const body = h("div", { class: "message-body" });
  if (message.blocks?.length) {
    ctx.selections.adopt({ blocks: message.blocks });
    new BlockList(body).update(message.blocks, ctx);
  } else append(body, draw(parse(message.text ?? ""), ctx));
  const time = new Date(message.at * 1000).toLocaleTimeString("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
  });
  const dismiss = h(
    "button",
    {
      type: "button",
      class: "btn btn-quiet btn-icon",
      "aria-label": "Dismiss the message",
      on: { click: () => commands.dismiss(message) },
    },
    icon("close"),
  );
  const author = h("strong", {});
  setText(author, message.author ?? state.app?.name ?? "App");
  return h(
    "article",
    { class: `message${message.failed ? " is-failed" : ""}`, testid: "message" },
    h(
      "p",
      { class: "message-head" },
      author,
      h("span", {}, time),
      h("span", { class: "message-private" }, message.private === false ? "Direct message" : "Only you see this"),
    ),
    body,
    dismiss,
  );
}
