/* The color theme. A classic script in the head, so that the first paint has the chosen colors; Dash keeps the choice
   under the same key (dcc.Store id "theme", local storage). */
(() => {
  /* A framed page has the theme of its address, or that of the system. */
  function embeddedTheme() {
    const theme = new URLSearchParams(window.location.search).get("theme");
    if (theme === "dark" || theme === "light") return theme;
    return window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  }

  function storedTheme() {
    try {
      return JSON.parse(window.localStorage.getItem("theme") ?? "null");
    } catch {
      return "dark"; // storage is blocked for this page, or holds something else
    }
  }

  const root = document.documentElement;
  const theme = root.dataset.page === "embed" ? embeddedTheme() : storedTheme();
  root.setAttribute("data-bs-theme", theme === "light" ? "light" : "dark");
})();
