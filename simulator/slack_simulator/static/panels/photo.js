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
      put(node, source, change);
    },
  };
}

function put(node, source, change) {
  const next = h("img", { src: source, alt: "", draggable: "false", referrerpolicy: "no-referrer" });
  const old = [...node.children];
  if (!change) {
    node.replaceChildren(next);
    return;
  }
  next.classList.add("entering");
  const settle = () => {
    node.append(next);
    node.classList.remove("changed");
    void node.offsetWidth; // restarts the ring's animation
    node.classList.add("changed");
    next.getBoundingClientRect();
    next.classList.remove("entering");
    setTimeout(() => old.forEach((image) => image.remove()), FADE_MS);
  };
  next.decode().then(settle, settle);
}
