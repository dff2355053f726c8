// The basics of rich_text blocks: sections, lists, quotes and preformatted text.
// Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block

import { h } from "./dom.js";
import { emojiFor } from "./emoji.js";
import { drawDate, drawLink } from "./mrkdwn.js";

const MARKS = { bold: "strong", italic: "em", strike: "s", underline: "u" };

/** Draw the elements of a rich_text block. */
export function drawRichText(elements, ctx) {
  return (elements ?? []).map((element) => drawPart(element, ctx));
}

function drawPart(part, ctx) {
  const inner = () => (part.elements ?? []).map((element) => drawInline(element, ctx));
  if (part.type === "rich_text_section") return h("p", { class: "bk-rich" }, inner());
  if (part.type === "rich_text_quote") return h("blockquote", { class: "bk-quote" }, inner());
  if (part.type === "rich_text_preformatted") return h("pre", { class: "bk-pre" }, inner());
  if (part.type === "rich_text_list") return drawList(part, ctx);
  return h("p", { class: "bk-unknown" }, `${part.type} is not drawn here`);
}

function drawList(part, ctx) {
  const tag = part.style === "ordered" ? "ol" : "ul";
  const start = part.style === "ordered" && part.offset ? part.offset + 1 : null;
  const items = (part.elements ?? []).map((item) =>
    h(
      "li",
      {},
      (item.elements ?? []).map((element) => drawInline(element, ctx)),
    ),
  );
  return h(tag, { class: `bk-list bk-indent-${Math.min(part.indent ?? 0, 5)}`, start }, items);
}

function drawInline(element, ctx) {
  return styled(INLINE[element.type]?.(element, ctx) ?? document.createTextNode(element.text ?? ""), element.style);
}

const INLINE = {
  text: ({ text }) => document.createTextNode(text),
  link: ({ url, text }, ctx) => drawLink(url, text || url, ctx),
  emoji: ({ name }) => document.createTextNode(emojiFor(name) ?? `:${name}:`),
  user: ({ user_id: id }, ctx) => h("span", { class: "bk-mention" }, `@${ctx.personName(id) ?? id}`),
  usergroup: ({ usergroup_id: id }) => h("span", { class: "bk-mention" }, `@${id}`),
  channel: ({ channel_id: id }) => h("span", { class: "bk-mention" }, `#${id}`),
  broadcast: ({ range }) => h("span", { class: "bk-mention bk-broadcast" }, `@${range}`),
  date: ({ timestamp, format, url, fallback }, ctx) =>
    drawDate({ epoch: Number(timestamp), format, url, fallback: fallback ?? "" }, ctx),
};

function styled(node, style = {}) {
  let wrapped = style.code ? h("code", { class: "bk-code" }, node) : node;
  for (const [mark, tag] of Object.entries(MARKS)) if (style[mark]) wrapped = h(tag, {}, wrapped);
  return wrapped;
}
