// The simulator's JSON API and its stream of events. Nothing else here talks to the network.

/** An answer of the simulator that is not a success; `message` is one sentence for the person. */
export class ApiError extends Error {}

async function call(path, options = {}) {
  let response;
  try {
    response = await fetch(`/ui/api/${path}`, { cache: "no-store", ...options });
  } catch {
    throw new ApiError("The simulator does not answer.");
  }
  const text = await response.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = { error: text.slice(0, 200) };
  }
  if (!response.ok) throw new ApiError(body.error ?? `The simulator answered ${response.status}.`);
  return body;
}

function post(path, body) {
  return call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

export const api = {
  state: () => call("state"),
  home: (team, user) => call(`home?${new URLSearchParams({ team, user })}`),
  log: (after) => call(`log?${new URLSearchParams({ after })}`),
  openHome: (team, user) => post("open_home", { team, user }),
  act: (team, user, action) => post("action", { team, user, ...action }),
  command: (team, user, command, text) => post("command", { team, user, command, text }),
  signIn: (team, user) => post("signin", { team, user }),
  photo: (team, user, change) => post("photo", { team, user, ...change }),
  clock: (speed) => post("clock", { speed }),
  trouble: (name, body) => post(`trouble/${name}`, body),
};

const EVENTS = ["state", "home", "log", "clock", "message"];
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;

/**
 * Follow the stream for ever. `onEvent(name, data)` gets each event, `onUp` is called after every (re)connection,
 * `onDown` when it breaks; it tries again after half a second, then less and less often, at least every 5 s.
 */
export function follow({ onEvent, onUp, onDown }) {
  let wait = FIRST_WAIT_MS;
  const connect = () => {
    const source = new EventSource("/ui/api/stream");
    source.addEventListener("open", () => {
      wait = FIRST_WAIT_MS;
      onUp();
    });
    source.addEventListener("error", () => {
      source.close();
      onDown();
      setTimeout(connect, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    });
    for (const name of EVENTS) source.addEventListener(name, (event) => onEvent(name, JSON.parse(event.data)));
  };
  connect();
}
