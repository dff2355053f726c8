// The person a workspace is seen with: the photo at a size worth looking at, the local time, what can be done by hand.

import { h, icon, setText } from "../dom.js";
import { usableZone } from "../dates.js";
import { withMenu } from "../menu.js";
import { displayName, memberOf, simulatedNow } from "../state.js";
import { standing } from "./members.js";
import { photo } from "./photo.js";

const BY_HAND = [
  { kind: "random", label: "Put on another portrait", description: "As the person would, without the app knowing" },
  { kind: "upload", label: "Upload a file…", description: "PNG, JPEG or GIF, at most 1024 × 1024" },
  { kind: "reset", label: "Remove the photo", description: "The picture that Slack drew comes back" },
];

/** The bytes of a file as base64, for the JSON API. */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

/** The bar of the chosen person of workspace `team`. */
export function personBar(team, commands) {
  const picture = photo("photo-large");
  const name = h("h3", { class: "person-name" });
  const about = h("p", { class: "person-about" });
  const badge = h("span", { class: "badge", testid: "person-state" });
  let user = null;
  const photoButton = h(
    "button",
    { type: "button", class: "btn btn-quiet", testid: "photo-menu" },
    icon("camera"),
    h("span", { class: "wide" }, "Photo"),
  );
  const troubleButton = h(
    "button",
    {
      type: "button",
      class: "btn btn-quiet",
      testid: "member-trouble",
      title: "Make trouble for this person",
      on: { click: () => commands.showTrouble(team) },
    },
    icon("bolt"),
    h("span", { class: "wide" }, "Trouble"),
  );
  const items = () =>
    BY_HAND.map(({ kind, ...item }) => ({
      ...item,
      testid: `photo-${kind}`,
      choose: () => (kind === "upload" ? file.click() : commands.changePhoto(team, user, { kind })),
    }));
  const file = h("input", {
    type: "file",
    accept: "image/png,image/jpeg,image/gif",
    testid: "photo-file",
    hidden: true,
    "aria-label": "Photo to upload",
    on: { change: upload },
  });
  async function upload() {
    const [chosen] = file.files;
    file.value = "";
    if (chosen) await commands.changePhoto(team, user, { kind: "upload", image: await base64(chosen) });
  }
  const node = h(
    "div",
    { class: "person", testid: "person" },
    picture.node,
    h("div", { class: "person-text" }, h("div", { class: "person-line" }, name, badge), about),
    h("div", { class: "person-tools" }, withMenu(photoButton, "Change the photo by hand", items), file, troubleButton),
  );
  const tick = (state) => {
    const member = memberOf(state, team, user);
    if (!member) return;
    const zone = usableZone(member.tz);
    const time = new Date(simulatedNow(state) * 1000).toLocaleTimeString("en-GB", {
      timeZone: zone,
      hour: "2-digit",
      minute: "2-digit",
    });
    setText(
      about,
      [member.title, `${time} in ${zone.split("/").at(-1).replaceAll("_", " ")}`].filter(Boolean).join(" · "),
    );
  };
  return {
    node,
    tick,
    update(state, workspace, member) {
      node.hidden = !member;
      if (!member) return;
      user = member.id;
      const [key, words] = standing(member);
      picture.update(member, true);
      setText(name, displayName(member));
      setText(badge, words);
      badge.dataset.state = key;
      node.dataset.user = user;
      tick(state);
    },
  };
}
