// Short notes that go by themselves, and the voice for screen readers.

import { h, icon } from "../dom.js";

const SHOWN_MS = 6000;

/** Returns `{fail(text), say(text)}`: a visible note, or a sentence for assistive technology only. */
export function toasts(root, announcer) {
  return {
    fail(text) {
      const note = h("p", { class: "toast", testid: "toast" }, icon("warning"), text);
      root.append(note);
      setTimeout(() => note.remove(), SHOWN_MS);
    },
    say(text) {
      announcer.textContent = text;
    },
  };
}
