// A member's photo that fades gently into the next one when it changes.

import { h } from "../dom.js";

const FADE_MS = 700;

/** A photo of one member; `size` is a class. `update(member)` shows the present one, fading where it changed. */
export function photo(size) {
  const node = h("span", { class: `photo ${size}`, testid: "photo" });
  let shown = null;
  return {
    node,
    update(member, fine = false) {
      const { hash } = member.avatar;
      const source = (fine ? member.avatar.url_512 : member.avatar.url_72) ?? member.avatar.url_72;
      const identity = `${member.id}:${hash}`;
      if (shown === identity) return;
      const change = shown !== null && shown.startsWith(`${member.id}:`);
      shown = identity;
      node.dataset.hash = hash;
      node.dataset.source = source;
      put(node, source, change);
    },
  };
}

function put(node, source, change) {
  const next = h("img", { src: source, alt: "", draggable: "false", referrerpolicy: "no-referrer" });
  if (!change) {
    node.replaceChildren(next);
    return;
  }
  next.classList.add("entering");
  const settle = () => {
    if (node.dataset.source !== source) return; // overtaken by a still newer photo
    const old = [...node.children];
    node.append(next);
    node.classList.remove("changed");
    next.getBoundingClientRect(); // restarts the ring, and lets the photo fade in from nothing
    node.classList.add("changed");
    next.classList.remove("entering");
    setTimeout(() => old.forEach((image) => image.remove()), FADE_MS);
  };
  next.decode().then(settle, settle);
}
