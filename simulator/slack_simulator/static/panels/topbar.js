// The bar on top: what this is, the simulated clock with its speeds, the connection, the theme.

import { append, h, icon, setText } from "../dom.js";
import { simulatedNow } from "../state.js";

const SPEEDS = [
  { speed: 1, label: "1×", spoken: "Real time" },
  { speed: 60, label: "1 min/s", spoken: "One minute a second" },
  { speed: 600, label: "10 min/s", spoken: "Ten minutes a second" },
  { speed: 3600, label: "1 h/s", spoken: "One hour a second" },
];
const THEMES = { auto: "light", light: "dark", dark: "auto" };
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };

/** Fill `root`; `commands.setSpeed(speed)` is called on a choice. Returns `{update(state), tick(state)}`. */
export function topbar(root, commands) {
  const day = h("span", { class: "clock-day" });
  const time = h("span", { class: "clock-time" });
  const speeds = SPEEDS.map((choice) => speedButton(choice, commands));
  const connection = h("span", { class: "live", testid: "connection" });
  append(root, [
    h(
      "div",
      { class: "brand" },
      h("img", { src: "/ui/static/icon.svg", alt: "", width: "28", height: "28" }),
      h("h1", {}, "Slack simulator"),
      connection,
    ),
    h(
      "div",
      { class: "clock" },
      h(
        "div",
        {
          class: "clock-face",
          testid: "clock",
          title: "Simulated time: schedules, limits and token lifetimes follow it",
        },
        day,
        time,
      ),
      h(
        "div",
        { class: "segments", role: "radiogroup", "aria-label": "Speed of the simulated time" },
        speeds.map(({ node }) => node),
      ),
    ),
    themeButton(),
  ]);
  return {
    update(state) {
      if (choices === 0) for (const { speed, input } of speeds) input.checked = Math.round(state.clock.speed) === speed;
      setText(connection, { live: "Live", lost: "Stopped", loading: "Connecting" }[state.connection]);
      connection.dataset.state = state.connection;
    },
    tick(state) {
      const now = new Date(simulatedNow(state) * 1000);
      setText(day, now.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }));
      setText(time, now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }));
    },
  };
}

let choices = 0; // under way: what the state says meanwhile is not yet what was chosen here

function speedButton({ speed, label, spoken }, commands) {
  const choose = async () => {
    choices += 1;
    await commands.setSpeed(speed);
    choices -= 1;
  };
  const input = h("input", {
    type: "radio",
    name: "clock-speed",
    value: speed,
    "aria-label": spoken,
    testid: `clock-speed-${speed}`,
    on: { change: choose },
  });
  return { speed, input, node: h("label", { class: "segment", title: spoken }, input, h("span", {}, label)) };
}

function themeButton() {
  const button = h("button", { type: "button", class: "btn btn-quiet btn-icon", testid: "theme" });
  const show = () => {
    const theme = window.pageTheme.current();
    button.replaceChildren(icon(THEME_ICONS[theme]));
    button.setAttribute("aria-label", `Theme: ${theme === "auto" ? "as the system" : theme}. Change it`);
    button.title = theme === "auto" ? "Theme: as the system" : `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    window.pageTheme.choose(THEMES[window.pageTheme.current()]);
    show();
  });
  show();
  return button;
}
