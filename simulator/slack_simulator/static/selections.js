// What the reader chose, kept as Slack keeps it: a published view's initial value counts only when its
// (block_id, action_id) is seen for the first time; a later view under the same ids shows the reader's old choice.
// Source: https://github.com/slackapi/bolt-python/issues/629

const STATEFUL = {
  static_select: { field: "selected_option", initial: "initial_option" },
  external_select: { field: "selected_option", initial: "initial_option" },
  users_select: { field: "selected_user", initial: "initial_user" },
  radio_buttons: { field: "selected_option", initial: "initial_option" },
  checkboxes: { field: "selected_options", initial: "initial_options" },
  datepicker: { field: "selected_date", initial: "initial_date" },
  timepicker: { field: "selected_time", initial: "initial_time" },
  datetimepicker: { field: "selected_date_time", initial: "initial_date_time" },
  plain_text_input: { field: "value", initial: "initial_value" },
  email_text_input: { field: "value", initial: "initial_value" },
  url_text_input: { field: "value", initial: "initial_value" },
  number_input: { field: "value", initial: "initial_value" },
};

/** The payload field that holds an element's value (`selected_option`, `value` …), or null for buttons and menus. */
export function valueField(type) {
  return STATEFUL[type]?.field ?? null;
}

/** The choices of one reader in one Home tab. */
export class Selections {
  #values = new Map();

  /** Take over a newly published view: seed what is new (from `values`, Slack's own memory), forget what is gone. */
  adopt(view, values = {}) {
    const next = new Map();
    for (const { blockId, element } of elementsOf(view)) {
      const kind = STATEFUL[element.type];
      if (!kind) continue;
      const key = keyOf(blockId, element.action_id);
      const old = this.#values.get(key);
      const kept = old && old.type === element.type;
      const held = values[blockId]?.[element.action_id]?.[kind.field];
      next.set(key, kept ? old : { type: element.type, value: held ?? element[kind.initial] ?? emptyOf(element.type) });
    }
    this.#values = next;
  }

  /** The present value of an element; undefined when it is in no adopted view. */
  get(blockId, actionId) {
    return this.#values.get(keyOf(blockId, actionId))?.value;
  }

  /** Record the reader's choice. */
  set(blockId, actionId, type, value) {
    this.#values.set(keyOf(blockId, actionId), { type, value });
  }
}

function emptyOf(type) {
  return type === "checkboxes" ? [] : null;
}

function keyOf(blockId, actionId) {
  return JSON.stringify([blockId ?? "", actionId ?? ""]);
}

/** Every element of a view with the id of its block. */
export function elementsOf(view) {
  const found = [];
  for (const block of view?.blocks ?? []) {
    const inside = [block.accessory, block.element, ...(block.type === "actions" ? (block.elements ?? []) : [])];
    for (const element of inside) if (element) found.push({ blockId: block.block_id, element });
  }
  return found;
}
