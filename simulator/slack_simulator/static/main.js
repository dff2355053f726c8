// Ties the page together: what the person does goes to the simulator, what the simulator tells goes to the panels.

import { api, follow } from "./api.js";
import { dock } from "./panels/dock.js";
import { toasts } from "./panels/toasts.js";
import { topbar } from "./panels/topbar.js";
import { workspaceGrid } from "./panels/workspace.js";
import * as model from "./state.js";

const TICK_MS = 500;
const store = new model.Store();
const notes = toasts(document.getElementById("toasts"), document.getElementById("announcer"));

/** Run a request; what fails is said in a note. Resolves to the answer, or null. */
async function attempt(request) {
  try {
    return await request();
  } catch (error) {
    notes.fail(error.message);
    return null;
  }
}

async function loadHome(team, user) {
  const answer = await attempt(() => api.home(team, user));
  store.change((state) => model.takeHome(state, team, user, answer ?? { view: null }));
}

async function openHome(team, user) {
  const key = model.personKey(team, user);
  if (!store.state.homes.has(key))
    store.change((state) => state.homes.set(key, { status: "loading", view: null, hash: "" }));
  const workspace = model.workspaceOf(store.state, team);
  const member = model.memberOf(store.state, team, user);
  if (workspace?.installed && member && !member.deactivated) await attempt(() => api.openHome(team, user));
  await loadHome(team, user);
}

// What Slack says about a click that the app did not take: the words for beside the control, or null.
function deliveryFailure(answer) {
  if (!answer) return "The simulator did not take this.";
  if (answer.error === "timeout") return "The app did not answer within 3 seconds.";
  if (answer.error) return `The app could not be reached (${answer.error}).`;
  if (answer.status && (answer.status < 200 || answer.status > 299)) return `The app answered ${answer.status}.`;
  return null;
}

const commands = {
  setSpeed: (speed) => attempt(() => api.clock(speed)),
  focusWorkspace(team) {
    if (store.state.focus !== team) store.change((state) => (state.focus = team));
  },
  async choosePerson(team, user) {
    store.change((state) => {
      state.chosen[team] = user;
      state.focus = team;
    });
    remember();
    await attempt(() => api.signIn(team, user));
    await openHome(team, user);
  },
  async act(team, user, action) {
    let failure = null;
    try {
      failure = deliveryFailure(await api.act(team, user, action));
    } catch (error) {
      failure = error.message;
    }
    return failure;
  },
  async followLink(event, url, team, user) {
    event?.preventDefault();
    await attempt(() => api.signIn(team, user));
    window.open(url, "_blank", "noopener,noreferrer");
  },
  async install(event, url, team) {
    event.preventDefault();
    await attempt(() => api.signIn(team, store.state.chosen[team]));
    window.location.assign(url);
  },
  async sendCommand(team, user, command, text) {
    const answer = await attempt(() => api.command(team, user, command, text));
    const said = commandAnswer(answer, command);
    if (said) store.change((state) => model.takeMessage(state, { team, user, ...said }));
  },
  dismiss(message) {
    const key = model.personKey(message.team, message.user);
    store.change((state) =>
      state.messages.set(
        key,
        state.messages.get(key).filter((each) => each !== message),
      ),
    );
  },
  changePhoto: (team, user, change) => attempt(() => api.photo(team, user, change)),
  async trouble(name, body) {
    await attempt(() => api.trouble(name, body));
    await refetch();
  },
  showTrouble(team) {
    commands.focusWorkspace(team);
    panels.dock.show("trouble");
    document.getElementById("tab-trouble").focus();
  },
};

// The answer of the app comes on the stream as a message; only what Slack itself says is made here.
function commandAnswer(answer, command) {
  if (!answer) return null;
  const failed = { author: "Slackbot", failed: true };
  if (answer.error === "operation_timeout")
    return { ...failed, text: `${command} failed with the error “operation_timeout”` };
  if (!answer.error && answer.status >= 200 && answer.status <= 299) return null;
  const why = answer.error || `status ${answer.status}`;
  return { ...failed, text: `${command} failed with the error “dispatch_failed” (${why})` };
}

const panels = {
  topbar: topbar(document.getElementById("topbar"), commands),
  grid: workspaceGrid(document.getElementById("workspaces"), commands),
  dock: dock(document.getElementById("dock"), commands),
};

const banner = document.getElementById("connection");
store.subscribe((state) => {
  banner.hidden = state.connection !== "lost";
  banner.textContent = banner.hidden
    ? ""
    : "The simulator has stopped. This page reconnects by itself as soon as it runs again.";
  document.body.dataset.connection = state.connection;
  for (const panel of Object.values(panels)) panel.update(state);
});

// An installation that comes or goes takes the Home tabs with it. They are only read here: app_home_opened is the
// person's doing, and an app that publishes after its installation needs none.
const installed = new Map();
store.subscribe((state) => {
  for (const { id, installed: now } of state.workspaces) {
    const before = installed.get(id);
    installed.set(id, now);
    if (before !== undefined && before !== now && state.chosen[id]) loadHome(id, state.chosen[id]);
  }
});

// Who was looked at last is part of the address, so that reloading and Slack's own redirect land on the same person.
function remember() {
  const chosen = Object.entries(store.state.chosen).map(([team, user]) => `${team}.${user}`);
  history.replaceState(null, "", `${location.pathname}#${chosen.join(",")}`);
}

function recall(state) {
  for (const pair of location.hash.slice(1).split(",")) {
    const [team, user] = pair.split(".");
    if (user) state.chosen[team] = user;
  }
  const asked = new URLSearchParams(location.search);
  if (asked.get("team") && asked.get("user")) {
    state.chosen[asked.get("team")] = asked.get("user");
    state.focus = asked.get("team");
  }
}

async function catchUp() {
  try {
    const whole = await api.state();
    const entries = await api.log(0);
    store.change((state) => {
      state.connection = "live";
      [state.log, state.lastEntry] = [[], 0]; // a simulator that was started anew counts from one again
      model.takeWhole(state, whole);
      model.takeEntries(state, entries.entries);
    });
    const chosen = Object.entries(store.state.chosen);
    await Promise.all(chosen.map(([team, user]) => openHome(team, user)));
  } catch (error) {
    notes.fail(error.message);
  }
}

async function refetch() {
  const whole = await attempt(api.state);
  if (whole) store.change((state) => model.takeWhole(state, whole));
}

const RECEIVE = {
  state(diff) {
    const before = diff.member && model.memberOf(store.state, diff.workspace?.id, diff.member.id)?.avatar.hash;
    store.change((state) => {
      if (!model.takeDiff(state, diff)) refetch();
    });
    if (before && before !== diff.member.avatar.hash)
      notes.say(`The photo of ${model.displayName(diff.member)} has changed.`);
  },
  home({ team, user }) {
    // an organisation's installation publishes for all of its teams
    for (const workspace of store.state.workspaces) {
      const concerned = workspace.id === team || workspace.enterprise_id === team;
      if (concerned && store.state.homes.has(model.personKey(workspace.id, user))) loadHome(workspace.id, user);
    }
  },
  log: ({ entry }) => store.change((state) => model.takeEntries(state, [entry])),
  clock: (clock) => store.change((state) => model.takeClock(state, clock)),
  message: (message) => store.change((state) => model.takeMessage(state, message)),
};

recall(store.state);
store.change(() => {});
follow({
  onUp: catchUp,
  onDown: () => store.change((state) => (state.connection = "lost")),
  onEvent: (name, data) => RECEIVE[name]?.(data),
});
setInterval(() => {
  panels.topbar.tick(store.state);
  panels.grid.tick(store.state);
}, TICK_MS);
