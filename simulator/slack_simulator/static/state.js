// What the page knows. Panels read it and subscribe; only the functions here and main.js change it.

const LOG_KEPT = 1000; // rows of the log that stay in memory: about an hour of two busy workspaces
const MESSAGES_KEPT = 20;
const BATCH_MS = 30; // at an hour a second the simulator tells of hundreds of changes a second

/** The key of a person: the same user id may exist in two workspaces. */
export function personKey(team, user) {
  return `${team}/${user}`;
}

/** A fresh state, before the simulator has answered. */
export function emptyState() {
  return {
    connection: "loading",
    clock: { now: Date.now() / 1000, speed: 1, received: performance.now() },
    app: null,
    workspaces: [],
    trouble: {},
    chosen: {},
    focus: null,
    homes: new Map(),
    messages: new Map(),
    photoChanges: new Map(),
    log: [],
    lastEntry: 0,
  };
}

/** Holds the state and tells subscribers of changes, those of 30 ms at once. */
export class Store {
  #subscribers = [];
  #queued = false;

  constructor() {
    this.state = emptyState();
  }

  subscribe(subscriber) {
    this.#subscribers.push(subscriber);
  }

  change(mutate) {
    mutate(this.state);
    if (this.#queued) return;
    this.#queued = true;
    setTimeout(() => {
      this.#queued = false;
      for (const subscriber of this.#subscribers) subscriber(this.state);
    }, BATCH_MS);
  }
}

/** The simulated time in seconds at the moment of asking. */
export function simulatedNow({ clock }) {
  return clock.now + ((performance.now() - clock.received) / 1000) * clock.speed;
}

export function workspaceOf(state, team) {
  return state.workspaces.find((workspace) => workspace.id === team) ?? null;
}

export function memberOf(state, team, user) {
  return workspaceOf(state, team)?.members.find((member) => member.id === user) ?? null;
}

/** The person whose eyes a workspace is seen with. */
export function chosenMember(state, team) {
  return memberOf(state, team, state.chosen[team]);
}

/** A member's name as the page shows it. */
export function displayName(member) {
  return member?.real_name || member?.name || member?.id || "";
}

export function takeClock(state, { now, speed }) {
  state.clock = { now, speed, received: performance.now() };
}

/** Take over a whole answer of GET /ui/api/state. */
export function takeWhole(state, answer) {
  takeClock(state, answer.clock);
  state.app = answer.app;
  state.trouble = answer.trouble ?? {};
  for (const workspace of answer.workspaces) {
    for (const member of workspace.members)
      notePhoto(state, workspace.id, memberOf(state, workspace.id, member.id), member);
  }
  state.workspaces = answer.workspaces;
  for (const workspace of state.workspaces) {
    if (chosenMember(state, workspace.id)) continue;
    const first = workspace.members.find((member) => !member.deactivated) ?? workspace.members[0];
    if (first) state.chosen[workspace.id] = first.id;
  }
}

/** Take over a small change of a workspace, of a member or of the trouble; false when it names something unknown. */
export function takeDiff(state, { workspace, member, trouble }) {
  if (trouble) state.trouble = trouble;
  if (workspace) {
    const known = workspaceOf(state, workspace.id);
    if (!known) return false;
    for (const changed of workspace.members ?? [])
      notePhoto(state, known.id, memberOf(state, known.id, changed.id), changed);
    Object.assign(known, workspace);
  }
  if (member) {
    const known = memberOf(state, workspace?.id, member.id);
    if (!known) return false;
    notePhoto(state, workspace.id, known, member);
    Object.assign(known, member);
  }
  return true;
}

function notePhoto(state, team, old, changed) {
  if (!old || !changed.avatar || old.avatar?.hash === changed.avatar.hash) return;
  const key = personKey(team, changed.id);
  const count = (state.photoChanges.get(key)?.count ?? 0) + 1;
  state.photoChanges.set(key, { at: simulatedNow(state), count });
}

/** Add log entries in order, each once, the oldest falling off. */
export function takeEntries(state, entries) {
  for (const entry of entries) {
    if (entry.n <= state.lastEntry) continue;
    state.log.push(entry);
    state.lastEntry = entry.n;
  }
  if (state.log.length > LOG_KEPT) state.log.splice(0, state.log.length - LOG_KEPT);
}

/** Keep a message for a person: an ephemeral answer (`private`) or a direct message of the app. */
export function takeMessage(state, message) {
  const key = personKey(message.team, message.user);
  const kept = [...(state.messages.get(key) ?? []), { ...message, at: simulatedNow(state) }];
  state.messages.set(key, kept.slice(-MESSAGES_KEPT));
}

/** Take over an answer of GET /ui/api/home, unless a newer one is already shown. */
export function takeHome(state, team, user, answer) {
  const key = personKey(team, user);
  const old = state.homes.get(key);
  if (answer.view && old?.updatedAt > answer.updated_at) return;
  state.homes.set(key, {
    status: "ready",
    view: answer.view,
    hash: answer.hash ?? "",
    updatedAt: answer.updated_at ?? 0,
    values: answer.state?.values,
  });
}
