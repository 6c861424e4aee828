/* The page `/embed`: its theme and panel come from its address, and what happens in it is told to the page around it:
   {source: "orderflow_dash", type: "state", state, cause, view, search} and {source: ..., type: "size", height}. */
(function () {
  "use strict";

  const SOURCE = "orderflow_dash";
  const isEmbed = document.documentElement.dataset.page === "embed";
  const prefersLight = window.matchMedia("(prefers-color-scheme: light)");
  let told = "";
  let view = null;
  let status = null;
  let height = 0;

  function tell(message) {
    /* Whoever may frame the page may know what it shows; the server's frame-ancestors says who that is. */
    if (window.parent !== window) window.parent.postMessage({ source: SOURCE, ...message }, "*");
  }

  const wanted = () => {
    const theme = new URLSearchParams(window.location.search).get("theme");
    return theme === "dark" || theme === "light" ? theme : "auto";
  };
  const shown = () => (wanted() === "auto" ? (prefersLight.matches ? "light" : "dark") : wanted());

  function tellSize() {
    const page = document.querySelector(".embed-page");
    if (!page || page.scrollHeight === height) return;
    height = page.scrollHeight;
    tell({ type: "size", height });
  }

  function tellState() {
    if (!view || !status) return;
    const search = "?" + new URLSearchParams({ ...view, theme: wanted() });
    const message = { type: "state", state: status.state, cause: status.cause, view, search };
    if (JSON.stringify(message) === told) return;
    told = JSON.stringify(message);
    tell(message);
  }

  /* Opened by a token that has come to its end: the page that the server has instead says so, here and around. */
  if ("locked" in document.documentElement.dataset) {
    const { fetch } = window;
    window.fetch = async (...request) => {
      const response = await fetch(...request);
      if (response.headers.has("X-Orderflow-Embed")) window.location.reload();
      return response;
    };
  }

  if (isEmbed) {
    prefersLight.addEventListener("change", () => {
      window.dash_clientside.set_props("theme", { data: shown() });
    });
    document.addEventListener("orderflow:status", ({ detail }) => {
      status = detail;
      tellState();
    });
    const sizes = new ResizeObserver(tellSize);
    const watch = () => {
      const page = document.querySelector(".embed-page");
      if (page) sizes.observe(page);
      else window.requestAnimationFrame(watch);
    };
    watch();
  }

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    embed: {
      read: () => [{ search: window.location.search, at: Date.now() }, shown()],

      follow: (views, theme) => {
        document.documentElement.setAttribute("data-bs-theme", theme);
        [view] = views || [];
        if (!view) return window.dash_clientside.no_update;
        document.title = `${view.symbol} ${view.tf} · Order flow`;
        const search = "?" + new URLSearchParams({ ...view, theme: wanted() });
        if (search !== window.location.search) {
          window.history.replaceState(null, "", window.location.pathname + search);
        }
        tellState();
        return search;
      },
    },
  });
})();
