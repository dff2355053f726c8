// Slack's date tokens (`<!date^unix^format|fallback>`), shown in the reader's zone.
// Source: https://docs.slack.dev/messaging/formatting-message-text (date formatting).

const HALF_YEAR_S = 183 * 86_400; // Slack leaves the year out within six months
const LOCALE = "en-US";

function parts(epoch, zone) {
  const format = new Intl.DateTimeFormat(LOCALE, {
    timeZone: zone,
    year: "numeric",
    month: "numeric",
    day: "numeric",
    weekday: "long",
  });
  const found = Object.fromEntries(format.formatToParts(epoch * 1000).map((part) => [part.type, part.value]));
  return { year: Number(found.year), month: Number(found.month), day: Number(found.day), weekday: found.weekday };
}

/** An IANA zone that this browser knows, else the browser's own. */
export function usableZone(zone) {
  try {
    return new Intl.DateTimeFormat(LOCALE, { timeZone: zone || undefined }).resolvedOptions().timeZone;
  } catch {
    return new Intl.DateTimeFormat(LOCALE).resolvedOptions().timeZone;
  }
}

function ordinal(day) {
  const tail = day % 100 >= 11 && day % 100 <= 13 ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[day % 10] ?? "th");
  return `${day}${tail}`;
}

function dayNumber({ year, month, day }) {
  return Math.round(Date.UTC(year, month - 1, day) / 86_400_000);
}

function pretty(epoch, now, zone, otherwise) {
  const distance = dayNumber(parts(epoch, zone)) - dayNumber(parts(now, zone));
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[distance] ?? otherwise;
}

function ago(epoch, now) {
  const seconds = epoch - now;
  const steps = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

function token(name, epoch, now, zone) {
  const { year, month, day, weekday } = parts(epoch, zone);
  const text = (options) => new Intl.DateTimeFormat(LOCALE, { timeZone: zone, ...options }).format(epoch * 1000);
  const tail = Math.abs(epoch - now) > HALF_YEAR_S ? `, ${year}` : "";
  const date = `${text({ month: "long" })} ${ordinal(day)}${tail}`;
  const short = `${text({ month: "short" })} ${day}${tail}`;
  const two = (number) => String(number).padStart(2, "0");
  const values = {
    date_num: () => `${year}-${two(month)}-${two(day)}`,
    date_slash: () => `${two(month)}/${two(day)}/${year}`,
    date: () => date,
    date_short: () => short,
    date_long: () => `${weekday}, ${date}`,
    date_long_full: () => `${weekday}, ${text({ month: "long" })} ${ordinal(day)}, ${year}`,
    date_pretty: () => pretty(epoch, now, zone, date),
    date_short_pretty: () => pretty(epoch, now, zone, short),
    date_long_pretty: () => pretty(epoch, now, zone, `${weekday}, ${date}`),
    day_divider_pretty: () => pretty(epoch, now, zone, `${weekday}, ${date}`),
    time: () => text({ hour: "numeric", minute: "2-digit" }),
    time_secs: () => text({ hour: "numeric", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(epoch, now),
  };
  return Object.hasOwn(values, name) ? values[name]() : null;
}

/**
 * Fill a token string for an instant. `epoch` and `now` in seconds, `zone` an IANA name.
 * Returns null where Slack would show the fallback: no usable number or an unknown token.
 */
export function formatDate(epoch, format, { now, zone }) {
  if (!Number.isFinite(epoch) || Math.abs(epoch) > 8.64e12) return null;
  let known = true;
  const text = format.replace(/\{([a-z_]+)\}/g, (_, name) => {
    const value = token(name, epoch, now, zone);
    known &&= value !== null;
    return value ?? "";
  });
  return known ? text : null;
}

/** The whole date and time of an instant, for tooltips and for the page's own clock. */
export function fullDate(epoch, zone) {
  return new Intl.DateTimeFormat(LOCALE, {
    timeZone: zone,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(epoch * 1000);
}
