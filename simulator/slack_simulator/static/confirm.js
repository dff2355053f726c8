// Block Kit's confirmation dialog, on the browser's own modal dialog: it keeps the focus inside and Escape says no.
// Source: https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object

import { h } from "./dom.js";
import { drawText, plainText } from "./mrkdwn.js";

/** Ask; resolves to true when the person confirms, to false on denying, Escape or a click beside the dialog. */
export function askToConfirm(confirm, ctx) {
  return new Promise((resolve) => {
    const danger = confirm.style === "danger";
    const yes = h(
      "button",
      { type: "submit", value: "yes", class: `btn ${danger ? "btn-danger" : "btn-primary"}`, testid: "confirm-yes" },
      plainText(confirm.confirm) || "Yes",
    );
    const no = h(
      "button",
      { type: "submit", value: "no", class: "btn", testid: "confirm-no" },
      plainText(confirm.deny) || "No",
    );
    const dialog = h(
      "dialog",
      { class: "confirm", testid: "confirm", "aria-labelledby": "confirm-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "confirm-title" }, plainText(confirm.title) || "Are you sure?"),
        h("div", { class: "confirm-text" }, drawText(confirm.text, ctx)),
        h("div", { class: "confirm-buttons" }, no, yes),
      ),
    );
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close("no"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    (danger ? no : yes).focus();
  });
}
