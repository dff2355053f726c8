// Slack's mrkdwn: `parse` turns text into a small tree (pure), `draw` turns the tree into nodes.
// Source: https://docs.slack.dev/messaging/formatting-message-text

import { h } from "./dom.js";
import { formatDate, fullDate } from "./dates.js";
import { replaceEmoji } from "./emoji.js";

const SAFE_LINK = /^(https?:|mailto:|slack:|tel:)/i;
const BARE_URL = /^https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)'"*_~`]/i;
const STYLES = { "*": "bold", _: "italic", "~": "strike" };
const WORD = /[\p{L}\p{N}]/u;

/** Undo the three escapes of mrkdwn; nothing else is an entity in Slack. */
export function unescapeEntities(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

/** Whether an address may become a link here: `javascript:` and its like stay text. */
export function isSafeLink(url) {
  return SAFE_LINK.test(url);
}

/**
 * Parse mrkdwn to nodes `{type, ...}`: text, bold, italic, strike, code, pre, quote, break, link, user, channel, group,
 * broadcast, date.
 */
export function parse(source) {
  const nodes = [];
  for (const [index, piece] of String(source).split("```").entries()) {
    if (index % 2 === 1) nodes.push({ type: "pre", text: unescapeEntities(piece.replace(/^\n|\n$/g, "")) });
    else if (piece !== "") nodes.push(...parseLines(index > 0 ? piece.replace(/^\n/, "") : piece));
  }
  return nodes;
}

function parseLines(text) {
  const nodes = [];
  let quoted = null;
  for (const [index, line] of text.split("\n").entries()) {
    const quote = /^(?:>|&gt;) ?(.*)$/.exec(line);
    if (quote) {
      if (quoted) quoted.children.push({ type: "break" });
      else nodes.push((quoted = { type: "quote", children: [] }));
      quoted.children.push(...parseInline(quote[1]));
    } else {
      if (index > 0 && !quoted) nodes.push({ type: "break" });
      quoted = null;
      nodes.push(...parseInline(line));
    }
  }
  return nodes;
}

function parseInline(line) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain !== "") nodes.push({ type: "text", text: unescapeEntities(plain) });
    plain = "";
  };
  while (at < line.length) {
    const found = special(line, at);
    if (found) {
      flush();
      nodes.push(found.node);
      at = found.end;
    } else {
      plain += line[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function special(line, at) {
  const char = line[at];
  if (char === "<") return angle(line, at);
  if (char === "`") return code(line, at);
  if (Object.hasOwn(STYLES, char)) return styled(line, at, char);
  if (char === "h" || char === "H") return bareUrl(line, at);
  return null;
}

function code(line, at) {
  const end = line.indexOf("`", at + 1);
  if (end <= at + 1) return null;
  return { node: { type: "code", text: unescapeEntities(line.slice(at + 1, end)) }, end: end + 1 };
}

function bareUrl(line, at) {
  if (at > 0 && WORD.test(line[at - 1])) return null;
  const url = BARE_URL.exec(line.slice(at))?.[0];
  return url ? { node: link(unescapeEntities(url)), end: at + url.length } : null;
}

// A style opens where no word precedes it and no space follows, and closes the other way round.
function styled(line, at, mark) {
  if ((at > 0 && WORD.test(line[at - 1])) || /[\s]|^$/.test(line[at + 1] ?? "")) return null;
  for (let end = line.indexOf(mark, at + 2); end !== -1; end = line.indexOf(mark, end + 1)) {
    if (!/\s/.test(line[end - 1]) && !WORD.test(line[end + 1] ?? "") && balanced(line.slice(at + 1, end))) {
      return { node: { type: STYLES[mark], children: parseInline(line.slice(at + 1, end)) }, end: end + 1 };
    }
  }
  return null;
}

function balanced(inner) {
  return (inner.match(/`/g)?.length ?? 0) % 2 === 0 && inner.lastIndexOf("<") <= inner.lastIndexOf(">");
}

function angle(line, at) {
  const end = line.indexOf(">", at);
  if (end === -1) return null;
  const bar = line.indexOf("|", at);
  const inner = line.slice(at + 1, end);
  const [target, label] = bar !== -1 && bar < end ? [line.slice(at + 1, bar), line.slice(bar + 1, end)] : [inner, null];
  const node = angleNode(target, label === null ? null : unescapeEntities(label));
  return node ? { node, end: end + 1 } : null;
}

function angleNode(target, label) {
  if (/^@[UW][A-Z0-9]+$/.test(target)) return { type: "user", id: target.slice(1), text: label };
  if (/^#[CG][A-Z0-9]+$/.test(target)) return { type: "channel", text: label || target.slice(1) };
  if (/^!(here|channel|everyone)$/.test(target)) return { type: "broadcast", text: target.slice(1) };
  if (target.startsWith("!subteam^")) return { type: "group", text: label || "@group" };
  if (target.startsWith("!date^")) return dateNode(target, label);
  if (isSafeLink(target)) return link(unescapeEntities(target), label);
  return null;
}

function dateNode(target, fallback) {
  const [, epoch, format = "", url = null] = target.split("^");
  return { type: "date", epoch: Number(epoch), format: unescapeEntities(format), url, fallback: fallback ?? "" };
}

function link(url, label = null) {
  return { type: "link", url, text: label || url };
}

/**
 * Draw a parsed tree. `ctx`: `now()` in seconds, `zone`, `personName(id)` and `followLink(event, url)`.
 */
export function draw(nodes, ctx) {
  return nodes.map((node) => DRAW[node.type](node, ctx));
}

const DRAW = {
  text: ({ text }) => replaceEmoji(text),
  break: () => h("br"),
  code: ({ text }) => h("code", { class: "bk-code" }, text),
  pre: ({ text }) => h("pre", { class: "bk-pre" }, text),
  quote: ({ children }, ctx) => h("blockquote", { class: "bk-quote" }, draw(children, ctx)),
  bold: ({ children }, ctx) => h("strong", {}, draw(children, ctx)),
  italic: ({ children }, ctx) => h("em", {}, draw(children, ctx)),
  strike: ({ children }, ctx) => h("s", {}, draw(children, ctx)),
  user: ({ id, text }, ctx) => h("span", { class: "bk-mention" }, `@${ctx.personName(id) ?? text ?? id}`),
  channel: ({ text }) => h("span", { class: "bk-mention" }, `#${text}`),
  group: ({ text }) => h("span", { class: "bk-mention" }, text),
  broadcast: ({ text }) => h("span", { class: "bk-mention bk-broadcast" }, `@${text}`),
  link: ({ url, text }, ctx) => drawLink(url, replaceEmoji(text), ctx),
  date: drawDate,
};

/** An anchor that opens a new tab, or plain text when the address is not one to follow. */
export function drawLink(url, text, ctx) {
  if (!isSafeLink(url)) return document.createTextNode(text);
  const on = { click: (event) => ctx.followLink?.(event, url) };
  return h("a", { class: "bk-link", href: url, target: "_blank", rel: "noopener noreferrer", on }, text);
}

/** A `<time>` that carries its format, so that it can be told anew when the clock moves on. */
export function drawDate({ epoch, format, url, fallback }, ctx) {
  const text = formatDate(epoch, format, { now: ctx.now(), zone: ctx.zone });
  if (text === null) return document.createTextNode(fallback);
  const iso = new Date(epoch * 1000).toISOString();
  const time = h(
    "time",
    { class: "bk-date", datetime: iso, title: fullDate(epoch, ctx.zone), data: { epoch, format } },
    text,
  );
  if (!url || !isSafeLink(url)) return time;
  const anchor = drawLink(url, "", ctx);
  anchor.append(time);
  return anchor;
}

/** Nodes of a Block Kit text object: mrkdwn is parsed, plain_text shown as it is but for its emoji. */
export function drawText(object, ctx) {
  if (!object) return [];
  if (object.type === "mrkdwn") return draw(parse(object.text), ctx);
  return [plainText(object)];
}

/** The characters of a plain_text object, with shortcodes as emoji unless `emoji` is false. */
export function plainText(object) {
  if (!object) return "";
  return object.emoji === false ? String(object.text) : replaceEmoji(String(object.text));
}
