/* The colour theme. Loaded in the head, so that the first paint already has the colours that were chosen;
   Dash keeps the choice under the same key (dcc.Store id "theme", local storage). */
(function () {
  "use strict";

  function apply(theme) {
    document.documentElement.setAttribute("data-bs-theme", theme === "light" ? "light" : "dark");
  }

  /* A page in a frame has the theme of its address, or that of the system. */
  function embedded() {
    const theme = new URLSearchParams(window.location.search).get("theme");
    if (theme === "dark" || theme === "light") return theme;
    return window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  }

  try {
    if (document.documentElement.dataset.page === "embed") apply(embedded());
    else apply(JSON.parse(window.localStorage.getItem("theme")));
  } catch {
    apply("dark"); // storage is closed to this page, or holds something else
  }

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    theme: {
      toggle: (_clicks, theme) => (theme === "light" ? "dark" : "light"),
      apply: (theme) => {
        apply(theme);
        return theme === "light" ? "Dark theme" : "Light theme";
      },
    },
  });
})();
