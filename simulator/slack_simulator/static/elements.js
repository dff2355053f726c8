// The interactive elements of Block Kit. Each one sends what Slack would send, through `ctx.act`.
// Source: https://docs.slack.dev/reference/block-kit/block-elements/

import { askToConfirm } from "./confirm.js";
import { append, h, icon } from "./dom.js";
import { withMenu } from "./menu.js";
import { drawText, isSafeLink, plainText } from "./mrkdwn.js";
import { valueField } from "./selections.js";

let serial = 0;

/**
 * Draw one element of block `blockId`. `dispatch` false means that a choice is only remembered (an input block
 * without dispatch_action). `label` names the control for assistive technology.
 */
export function drawElement(element, { blockId, dispatch = true, label = null, labelledBy = null, ctx }) {
  const draw = DRAW[element?.type];
  const spec = { element, blockId, dispatch, label, labelledBy, ctx, id: `bk-${(serial += 1)}` };
  const drawn = draw ? draw(spec) : unknown(element);
  const data = { blockId: blockId ?? "", actionId: element?.action_id ?? "", kind: element?.type ?? "" };
  return h("div", { class: `bk-element bk-el-${element?.type}`, testid: "element", data }, drawn);
}

function unknown(element) {
  return h("p", { class: "bk-unknown" }, `${element?.type ?? "this element"} is not drawn here`);
}

function naming({ label, labelledBy, element }) {
  const spoken = element.accessibility_label ?? label;
  return spoken ? { "aria-label": spoken } : { "aria-labelledby": labelledBy };
}

// Sends the action after its confirmation and shows on the control that it is under way, or that it failed.
async function send(spec, control, payload) {
  const { element, blockId, ctx } = spec;
  if (element.confirm && !(await askToConfirm(element.confirm, ctx))) return false;
  control.setAttribute("aria-busy", "true");
  control.closest(".bk-element")?.querySelector(".bk-failed")?.remove();
  const action = { type: element.type, action_id: element.action_id, block_id: blockId, ...payload };
  const failure = await ctx.act(action);
  control.removeAttribute("aria-busy");
  if (failure) {
    const note = h(
      "span",
      { class: "bk-failed", role: "alert", testid: "action-failed", title: failure },
      icon("warning"),
      failure,
    );
    control.closest(".bk-element")?.append(note);
  }
  return true;
}

// Remembers a choice and sends it; a denied confirmation puts the old one back through `revert`.
async function choose(spec, control, value, revert) {
  const { element, blockId, ctx, dispatch } = spec;
  const before = ctx.selections.get(blockId, element.action_id);
  ctx.selections.set(blockId, element.action_id, element.type, value);
  if (!dispatch) return;
  if (await send(spec, control, { [valueField(element.type)]: value })) return;
  ctx.selections.set(blockId, element.action_id, element.type, before);
  revert(before);
}

function current({ element, blockId, ctx }) {
  return ctx.selections.get(blockId, element.action_id) ?? null;
}

function drawButton(spec) {
  const { element, ctx } = spec;
  const style = { primary: " btn-primary", danger: " btn-danger" }[element.style] ?? "";
  const payload = { text: element.text, ...(element.value === undefined ? {} : { value: element.value }) };
  const attributes = { class: `btn${style}`, "aria-label": element.accessibility_label };
  const click = async (event) => {
    const control = event.currentTarget;
    if (control.getAttribute("aria-busy") === "true") return event.preventDefault();
    if (element.url && isSafeLink(element.url)) ctx.followLink?.(event, element.url);
    return send(spec, control, payload);
  };
  const text = plainText(element.text);
  if (element.url && isSafeLink(element.url)) {
    return h(
      "a",
      { ...attributes, href: element.url, target: "_blank", rel: "noopener noreferrer", on: { click } },
      text,
    );
  }
  return h("button", { ...attributes, type: "button", on: { click } }, text);
}

function optionNode(option, chosen) {
  return h("option", { value: option.value, selected: option.value === chosen?.value }, plainText(option.text));
}

function drawSelect(spec) {
  const { element } = spec;
  const groups = element.option_groups ?? [];
  const options = [...(element.options ?? []), ...groups.flatMap((group) => group.options ?? [])];
  const chosen = current(spec);
  const known = options.some((option) => option.value === chosen?.value);
  const revert = (old) => (select.value = old?.value ?? "");
  const change = () => choose(spec, select, options.find((option) => option.value === select.value) ?? null, revert);
  const select = h(
    "select",
    { id: spec.id, ...naming(spec), on: { change } },
    !known &&
      h(
        "option",
        { value: chosen?.value ?? "", disabled: true, selected: true },
        plainText(chosen?.text ?? element.placeholder) || "Choose",
      ),
    (element.options ?? []).map((option) => optionNode(option, chosen)),
    groups.map((group) =>
      h(
        "optgroup",
        { label: plainText(group.label) },
        (group.options ?? []).map((option) => optionNode(option, chosen)),
      ),
    ),
  );
  return h("span", { class: `select${known ? "" : " is-empty"}` }, select, icon("chevron"));
}

function drawUsersSelect(spec) {
  const { element, ctx } = spec;
  const chosen = current(spec);
  const change = () => choose(spec, select, select.value || null, (old) => (select.value = old ?? ""));
  const select = h(
    "select",
    { id: spec.id, ...naming(spec), on: { change } },
    !chosen &&
      h("option", { value: "", disabled: true, selected: true }, plainText(element.placeholder) || "Choose a person"),
    ctx.people().map(({ id, name }) => h("option", { value: id, selected: id === chosen }, name)),
  );
  return h("span", { class: "select" }, select, icon("chevron"));
}

function drawOverflow(spec) {
  const { element, ctx } = spec;
  const button = h(
    "button",
    { type: "button", class: "btn btn-icon", "aria-label": element.accessibility_label ?? "More actions" },
    icon("dots"),
  );
  const items = () =>
    (element.options ?? []).map((option) => ({
      label: plainText(option.text),
      description: plainText(option.description),
      testid: "overflow-option",
      data: { value: option.value ?? "" },
      choose: () => {
        if (option.url && isSafeLink(option.url)) ctx.followLink?.(null, option.url);
        send(spec, button, { selected_option: option });
      },
    }));
  return withMenu(button, "More actions", items);
}

function choiceRow(spec, option, input) {
  const { ctx } = spec;
  return h(
    "label",
    { class: "choice" },
    input,
    h(
      "span",
      {},
      h("span", { class: "choice-label" }, drawText(option.text, ctx)),
      option.description && h("span", { class: "choice-description" }, drawText(option.description, ctx)),
    ),
  );
}

function drawRadio(spec) {
  const { element } = spec;
  const chosen = current(spec);
  const group = h("div", { class: "choices", role: "radiogroup", ...naming(spec) });
  const revert = (old) =>
    group.querySelectorAll("input").forEach((input) => (input.checked = input.value === old?.value));
  const rows = (element.options ?? []).map((option) => {
    const change = () => choose(spec, group, option, revert);
    return choiceRow(
      spec,
      option,
      h("input", {
        type: "radio",
        name: spec.id,
        value: option.value,
        checked: option.value === chosen?.value,
        on: { change },
      }),
    );
  });
  return append(group, rows);
}

function drawCheckboxes(spec) {
  const { element } = spec;
  const chosen = new Set((current(spec) ?? []).map((option) => option.value));
  const group = h("div", { class: "choices", role: "group", ...naming(spec) });
  const inputs = () => [...group.querySelectorAll("input")];
  const revert = (old) =>
    inputs().forEach((input) => (input.checked = (old ?? []).some((option) => option.value === input.value)));
  const change = () => {
    const ticked = new Set(
      inputs()
        .filter((input) => input.checked)
        .map((input) => input.value),
    );
    choose(
      spec,
      group,
      (element.options ?? []).filter((option) => ticked.has(option.value)),
      revert,
    );
  };
  const rows = (element.options ?? []).map((option) =>
    choiceRow(
      spec,
      option,
      h("input", { type: "checkbox", value: option.value, checked: chosen.has(option.value), on: { change } }),
    ),
  );
  return append(group, rows);
}

// `show` turns Slack's value into the input's text, `read` the other way round.
function drawPicker(type, { show = (value) => value ?? "", read = (text) => text || null } = {}) {
  return (spec) => {
    const change = () => choose(spec, input, read(input.value), (old) => (input.value = show(old)));
    const input = h("input", {
      type,
      id: spec.id,
      class: "field",
      value: show(current(spec)),
      ...naming(spec),
      on: { change },
    });
    return input;
  };
}

const LOCAL_TIME = {
  show: (epoch) => {
    if (!epoch) return "";
    const shifted = new Date(epoch * 1000 - new Date(epoch * 1000).getTimezoneOffset() * 60_000);
    return shifted.toISOString().slice(0, 16);
  },
  read: (text) => (text ? Math.floor(new Date(text).getTime() / 1000) : null),
};

function drawTextInput(spec, type = "text") {
  const { element, blockId, ctx, dispatch } = spec;
  const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  const submit = () => choose(spec, input, input.value || null, (old) => (input.value = old ?? ""));
  const on = {
    input: () => {
      ctx.selections.set(blockId, element.action_id, element.type, input.value || null);
      if (dispatch && triggers.includes("on_character_entered")) submit();
    },
    keydown: (event) => {
      if (event.key !== "Enter" || event.isComposing || (element.multiline && event.shiftKey)) return;
      if (dispatch && triggers.includes("on_enter_pressed")) {
        event.preventDefault();
        submit();
      }
    },
  };
  const limits = {
    minlength: element.min_length,
    maxlength: element.max_length,
    min: element.min_value,
    max: element.max_value,
  };
  const step = type === "number" && element.is_decimal_allowed ? "any" : null;
  const shared = {
    id: spec.id,
    class: "field",
    placeholder: plainText(element.placeholder) || null,
    ...limits,
    ...naming(spec),
    on,
  };
  const input = element.multiline ? h("textarea", { ...shared, rows: "3" }) : h("input", { ...shared, type, step });
  input.value = current(spec) ?? "";
  return input;
}

const DRAW = {
  button: drawButton,
  static_select: drawSelect,
  users_select: drawUsersSelect,
  overflow: drawOverflow,
  radio_buttons: drawRadio,
  checkboxes: drawCheckboxes,
  datepicker: drawPicker("date"),
  timepicker: drawPicker("time"),
  datetimepicker: drawPicker("datetime-local", LOCAL_TIME),
  plain_text_input: (spec) => drawTextInput(spec),
  email_text_input: (spec) => drawTextInput(spec, "email"),
  url_text_input: (spec) => drawTextInput(spec, "url"),
  number_input: (spec) => drawTextInput(spec, "number"),
};
