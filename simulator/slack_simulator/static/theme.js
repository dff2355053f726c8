// A script that is no module, loaded before the styles, so that a chosen theme does not flash: light, dark, automatic.
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
