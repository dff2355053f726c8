// The emoji shortcodes that apps commonly write, and the replacement of them in a text.

const CODES = {
  "+1": "👍", "-1": "👎", "100": "💯", alarm_clock: "⏰", arrow_down: "⬇️", arrow_forward: "▶️", arrow_left: "⬅️",
  arrow_right: "➡️", arrow_up: "⬆️", arrows_counterclockwise: "🔄", art: "🎨", ballot_box_with_check: "☑️", bell: "🔔",
  birthday: "🎂", blue_heart: "💙", bookmark: "🔖", bulb: "💡", bust_in_silhouette: "👤", busts_in_silhouette: "👥",
  calendar: "📆", camera: "📷", camera_with_flash: "📸", cat: "🐱", clap: "👏", clock1: "🕐", clock3: "🕒", cloud: "☁️",
  construction: "🚧", date: "📅", dog: "🐶", door: "🚪", double_vertical_bar: "⏸️", earth_africa: "🌍", eyes: "👀",
  fast_forward: "⏩", fire: "🔥", frame_with_picture: "🖼️", game_die: "🎲", gear: "⚙️", gift: "🎁", green_heart: "💚",
  grey_question: "❔", hammer_and_wrench: "🛠️", heart: "❤️", hourglass: "⌛", hourglass_flowing_sand: "⏳", house: "🏠",
  inbox_tray: "📥", information_source: "ℹ️", key: "🔑", large_green_circle: "🟢", large_red_circle: "🔴",
  large_yellow_circle: "🟡", leaves: "🍃", link: "🔗", lock: "🔒", mag: "🔍", memo: "📝", moon: "🌔", muscle: "💪",
  no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑", ok_hand: "👌", package: "📦", palm_tree: "🌴",
  partly_sunny: "⛅", pause_button: "⏸️", pencil2: "✏️", point_right: "👉", pray: "🙏", pushpin: "📌", question: "❓",
  rainbow: "🌈", recycle: "♻️", red_circle: "🔴", relaxed: "☺️", repeat: "🔁", rewind: "⏪", robot_face: "🤖", rocket: "🚀",
  rotating_light: "🚨", seedling: "🌱", shield: "🛡️", shrug: "🤷", slightly_smiling_face: "🙂", smile: "😄", smiley: "😃",
  snail: "🐌", snowflake: "❄️", sparkles: "✨", speech_balloon: "💬", star: "⭐", star2: "🌟", stopwatch: "⏱️", sunny: "☀️",
  sunglasses: "😎", tada: "🎉", thinking_face: "🤔", thumbsdown: "👎", thumbsup: "👍", timer_clock: "⏲️", tools: "🛠️",
  twisted_rightwards_arrows: "🔀", unlock: "🔓", warning: "⚠️", wastebasket: "🗑️", wave: "👋", white_check_mark: "✅",
  white_circle: "⚪", wink: "😉", wrench: "🔧", x: "❌", yellow_heart: "💛", zap: "⚡", zzz: "💤",
};

/** The character of a shortcode without its colons, or null when this page does not know it. */
export function emojiFor(name) {
  return Object.hasOwn(CODES, name) ? CODES[name] : null;
}

/** Replace `:shortcode:` in plain text; unknown ones stay as they were written, as in Slack. */
export function replaceEmoji(text) {
  return text.replace(/:([a-z0-9_+'-]+)(?:::skin-tone-[2-6])?:/g, (all, name) => emojiFor(name) ?? all);
}
