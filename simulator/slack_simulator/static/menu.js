// A button with a small menu below it (Block Kit's overflow, and the page's own menus), workable by keyboard.

import { append, h } from "./dom.js";

const GAP_PX = 4; // between the button and its menu
const EDGE_PX = 8; // kept free at the window's edge

let open = null;

function close({ refocus = false } = {}) {
  if (!open) return;
  const { button, list } = open;
  open = null;
  list.remove();
  button.setAttribute("aria-expanded", "false");
  if (refocus) button.focus();
}

/**
 * Let `button` open a menu. `items()` gives `{label, description?, testid?, data?, choose()}` at the moment of opening.
 * Returns a wrapper that holds both.
 */
export function withMenu(button, label, items) {
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  const wrapper = h("span", { class: "menu-anchor" }, button);
  const show = () => {
    const already = open?.button === button;
    close();
    if (already) return;
    const list = h("div", { class: "menu", role: "menu", popover: "manual", "aria-label": label, testid: "menu" });
    append(
      list,
      items().map((item) => menuItem(item)),
    );
    list.addEventListener("keydown", onKey);
    wrapper.append(list);
    open = { button, list };
    button.setAttribute("aria-expanded", "true");
    place(list, button);
    list.querySelector("[role=menuitem]")?.focus({ preventScroll: true });
  };
  button.addEventListener("click", show);
  button.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || open?.button === button) return;
    event.preventDefault();
    show();
  });
  return wrapper;
}

// In the browser's top layer no scrolling pane can clip it. It starts at the button's left, or ends at its right where
// it would leave the button's workspace.
function place(list, button) {
  list.showPopover();
  const [at, size] = [button.getBoundingClientRect(), list.getBoundingClientRect()];
  const below = at.bottom + GAP_PX + size.height <= window.innerHeight;
  const limit = button.closest(".workspace")?.getBoundingClientRect().right ?? window.innerWidth;
  const left = at.left + size.width <= limit - EDGE_PX ? at.left : at.right - size.width;
  list.style.left = `${Math.max(EDGE_PX, left)}px`;
  list.style.top = `${below ? at.bottom + GAP_PX : Math.max(EDGE_PX, at.top - GAP_PX - size.height)}px`;
}

function menuItem(item) {
  const choose = () => {
    close({ refocus: true });
    item.choose();
  };
  return h(
    "button",
    {
      type: "button",
      role: "menuitem",
      tabindex: "-1",
      class: "menu-item",
      testid: item.testid,
      data: item.data,
      on: { click: choose },
    },
    h("span", { class: "menu-label" }, item.label),
    item.description && h("span", { class: "menu-description" }, item.description),
  );
}

function onKey(event) {
  const items = [...event.currentTarget.querySelectorAll("[role=menuitem]")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items[to % items.length].focus();
  } else if (event.key === "Escape") {
    event.stopPropagation();
    close({ refocus: true });
  } else if (event.key === "Tab") close();
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.list.parentElement.contains(event.target)) close();
});
document.addEventListener("scroll", () => close(), { capture: true, passive: true });
window.addEventListener("resize", () => close());
