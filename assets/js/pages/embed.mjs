/* The page `/embed`: its address names its theme and panel, and it posts its state to the page around it:
   {source: "orderflow_dash", type: "state", state, cause, view, search} and {source: ..., type: "size", height}. */

const SOURCE = "orderflow_dash";
const prefersLight = window.matchMedia("(prefers-color-scheme: light)");
let sent = ""; // the last state, as text
/** @type {Record<string, string> | null} */
let view = null;
/** @type {{state: string, cause: string} | null} */
let status = null;
let height = 0;

/** @param {Record<string, unknown>} message */
function post(message) {
  // Any page that may frame this one may read its state; the server's frame-ancestors names those pages.
  if (window.parent !== window) window.parent.postMessage({ source: SOURCE, ...message }, "*");
}

const chosenTheme = () => {
  const theme = new URLSearchParams(window.location.search).get("theme");
  return theme === "dark" || theme === "light" ? theme : "auto";
};
const shownTheme = () => {
  const theme = chosenTheme();
  return theme === "auto" ? (prefersLight.matches ? "light" : "dark") : theme;
};

function postSize() {
  const page = document.querySelector(".embed-page");
  if (!page || page.scrollHeight === height) return;
  height = page.scrollHeight;
  post({ type: "size", height });
}

function postState() {
  if (!view || !status) return;
  const search = `?${new URLSearchParams({ ...view, theme: chosenTheme() })}`;
  const message = { type: "state", state: status.state, cause: status.cause, view, search };
  if (JSON.stringify(message) === sent) return;
  sent = JSON.stringify(message);
  post(message);
}

export function startEmbed() {
  if (document.documentElement.dataset.page !== "embed") return;
  prefersLight.addEventListener("change", () => {
    window.dash_clientside.set_props("theme", { data: shownTheme() });
  });
  document.addEventListener("orderflow:status", ({ detail }) => {
    status = detail;
    postState();
  });
  const sizes = new ResizeObserver(postSize);
  const observe = () => {
    const page = document.querySelector(".embed-page");
    if (page) sizes.observe(page);
    else window.requestAnimationFrame(observe);
  };
  observe();
}

/* Clientside callbacks. */
export const embed = {
  /** The request that the address bar names, and the theme. */
  read: () => [{ search: window.location.search, at: Date.now() }, shownTheme()],

  /**
   * Name the panel in the address bar and show the theme.
   * @param {Record<string, string>[] | null} views
   * @param {string} theme
   */
  follow: (views, theme) => {
    document.documentElement.setAttribute("data-bs-theme", theme);
    view = views?.[0] ?? null;
    if (!view) return window.dash_clientside.no_update;
    document.title = `${view.symbol} ${view.tf} · Order flow`;
    const search = `?${new URLSearchParams({ ...view, theme: chosenTheme() })}`;
    if (search !== window.location.search) {
      window.history.replaceState(null, "", window.location.pathname + search);
    }
    postState();
    return search;
  },
};
