// Draws a Home tab from its Block Kit JSON. Blocks that did not change keep their nodes, so that a publish disturbs
// neither the focus nor a menu that is open; those that did change are marked for a moment.
// Source: https://docs.slack.dev/reference/block-kit/blocks

import { append, h } from "./dom.js";
import { drawElement } from "./elements.js";
import { drawText, plainText } from "./mrkdwn.js";
import { drawRichText } from "./richtext.js";

/** Draw one block. `ctx` is that of mrkdwn.js with `act`, `people` and `selections` for its controls. */
export function drawBlock(block, ctx) {
  const draw = Object.hasOwn(DRAW, block.type) ? DRAW[block.type] : unknown;
  return h(
    "div",
    { class: `bk-block bk-${block.type}`, testid: "block", data: { blockId: block.block_id ?? "", kind: block.type } },
    draw(block, ctx),
  );
}

/** Keeps the nodes of one Home tab and brings them to each new view. */
export class BlockList {
  #drawn = [];
  #order = [];

  constructor(container) {
    this.container = container;
  }

  /** Show `blocks`. Equal blocks keep their nodes, controls only under the same block id; what is new is `is-fresh`. */
  update(blocks, ctx) {
    const first = this.#drawn.length === 0;
    const known = new Set(this.#drawn.map(({ content }) => content));
    const spare = [...this.#drawn];
    this.#drawn = blocks.map((block) => {
      const content = contentOf(block);
      const at = spare.findIndex(
        (old) => old.content === content && (!hasControls(block) || old.id === block.block_id),
      );
      const node = at === -1 ? drawBlock(block, ctx) : spare.splice(at, 1)[0].node;
      node.dataset.blockId = block.block_id ?? "";
      node.classList.toggle("is-fresh", !first && !known.has(content));
      return { content, id: block.block_id, node };
    });
    this.#place(this.#drawn.map(({ node }) => node));
  }

  #place(nodes) {
    const focused = document.activeElement?.closest?.(".bk-element");
    const inside = focused && this.container.contains(focused);
    const at = inside ? this.#order.findIndex((node) => node.contains(focused)) : -1;
    const keep = new Set(nodes);
    for (const node of this.#order) if (!keep.has(node)) node.remove();
    nodes.forEach((node, index) => {
      if (this.container.children[index] !== node)
        this.container.insertBefore(node, this.container.children[index] ?? null);
    });
    this.#order = nodes;
    if (inside && !focused.isConnected) this.#refocus(focused.dataset.actionId, nodes[at]);
  }

  // A control that was redrawn under a new block id is found again by its action id, else by its place.
  #refocus(actionId, sameplace) {
    const again = [...this.container.querySelectorAll(".bk-element")].find(
      (element) => element.dataset.actionId === actionId,
    );
    (again ?? sameplace)?.querySelector?.("button, a, select, input, textarea")?.focus({ preventScroll: true });
  }
}

function contentOf({ block_id: _, ...content }) {
  return JSON.stringify(content);
}

function hasControls(block) {
  return block.type === "actions" || block.type === "input" || (block.accessory && block.accessory.type !== "image");
}

function unknown(block) {
  return h("p", { class: "bk-unknown" }, `A block of the kind “${block.type}” is not drawn here`);
}

function drawSection(block, ctx) {
  const id = `sec-${block.block_id ?? ""}-${Math.random().toString(36).slice(2, 8)}`;
  const label = block.accessory && !block.text ? plainText(block.accessory.placeholder) || null : null;
  return [
    h(
      "div",
      { class: "bk-section-body" },
      block.text && h("div", { class: "bk-text", id }, drawText(block.text, ctx)),
      block.fields &&
        h(
          "div",
          { class: "bk-fields" },
          block.fields.map((field) => h("div", { class: "bk-field" }, drawText(field, ctx))),
        ),
    ),
    block.accessory && h("div", { class: "bk-accessory" }, drawAccessory(block, id, label, ctx)),
  ];
}

function drawAccessory(block, id, label, ctx) {
  if (block.accessory.type === "image") return picture(block.accessory, "bk-thumb");
  return drawElement(block.accessory, { blockId: block.block_id, label, labelledBy: id, ctx });
}

/** An image that says what it would have shown when it cannot be had. */
function picture(image, className) {
  const alt = image.alt_text ?? "";
  const source = image.image_url ?? image.slack_file?.url;
  const missing = () =>
    h(
      "span",
      { class: `${className} bk-missing`, role: "img", "aria-label": `${alt} (picture not available)`, title: alt },
      className === "bk-dot" ? "" : alt,
    );
  if (!/^(https?:|data:image\/|\/)/i.test(source ?? "")) return missing();
  const node = h("img", {
    class: className,
    src: source,
    alt,
    title: alt || null,
    referrerpolicy: "no-referrer",
    decoding: "async",
    draggable: "false",
  });
  node.addEventListener("error", () => node.replaceWith(missing()), { once: true });
  return node;
}

function drawContext(block, ctx) {
  return (block.elements ?? []).map((element) =>
    element.type === "image"
      ? picture(element, "bk-dot")
      : h("span", { class: "bk-context-text" }, drawText(element, ctx)),
  );
}

function drawInput(block, ctx) {
  const id = `input-${Math.random().toString(36).slice(2, 8)}`;
  const dispatch = block.dispatch_action === true;
  const spec = { blockId: block.block_id, dispatch, labelledBy: id, ctx };
  return [
    h(
      "div",
      { class: "bk-label", id },
      plainText(block.label),
      block.optional && h("span", { class: "bk-optional" }, " (optional)"),
    ),
    drawElement(block.element, spec),
    block.hint && h("div", { class: "bk-hint" }, plainText(block.hint)),
  ];
}

const DRAW = {
  header: (block) => h("h3", { class: "bk-header-text" }, plainText(block.text)),
  section: drawSection,
  divider: () => h("hr", {}),
  context: drawContext,
  actions: (block, ctx) =>
    append(
      h("div", { class: "bk-actions-row" }),
      (block.elements ?? []).map((element) =>
        drawElement(element, { blockId: block.block_id, label: plainText(element.placeholder) || null, ctx }),
      ),
    ),
  image: (block) =>
    h("figure", {}, block.title && h("figcaption", {}, plainText(block.title)), picture(block, "bk-picture")),
  input: drawInput,
  rich_text: (block, ctx) => drawRichText(block.elements, ctx),
};
