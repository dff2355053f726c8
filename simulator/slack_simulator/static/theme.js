// Loaded before the styles are used, so that a chosen theme does not flash: applies and switches light, dark, automatic.
(() => {
  const KEY = "slack-simulator-theme";
  const root = document.documentElement;
  const known = ["light", "dark"];
  const apply = (theme) => (known.includes(theme) ? (root.dataset.theme = theme) : delete root.dataset.theme);
  let stored = null;
  try {
    stored = localStorage.getItem(KEY);
  } catch {
    stored = null;
  }
  apply(stored);
  window.pageTheme = {
    current: () => root.dataset.theme ?? "auto",
    choose(theme) {
      apply(theme);
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // private windows may refuse: the choice then lasts as long as the page
      }
    },
  };
})();
