/* The address bar and the modal. What a person asks for goes into the store "address"; what is open writes its
   own name into the address bar. A row that is opened makes a step of history, a changed control does not. The store "address-shown" says what the bar holds. */
(function () {
  "use strict";

  let pushNext = false;
  let shown = ""; // the search that names the open panel

  function wish(search) {
    return { search, at: Date.now() };
  }

  function write(search, push) {
    if (search === window.location.search) return;
    const url = window.location.pathname + search + window.location.hash;
    if (push) window.history.pushState(null, "", url);
    else window.history.replaceState(null, "", url);
  }

  window.addEventListener("popstate", () => {
    pushNext = false;
    window.dash_clientside.set_props("address", { data: wish(window.location.search) });
  });

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    address: {
      /* The page is loaded: ask for what its address names. */
      read: () => wish(window.location.search),

      /* A row asks for its symbol. */
      open: (exchange, symbol) => {
        pushNext = true;
        const search = "?" + new URLSearchParams({ exchange, symbol });
        window.dash_clientside.set_props("address", { data: wish(search) });
      },

      /* A panel opened or changed: the address bar names it. `views` holds every panel of the page. */
      follow: (views) => {
        const view = (views || [])[0];
        document.title = view ? `${view.symbol} ${view.tf} · Order flow` : "Order flow";
        if (view) {
          shown = "?" + new URLSearchParams(view);
          write(shown, pushNext);
          pushNext = false;
        }
        return window.location.search;
      },

      /* The venue could not be asked yet: ask again with each tick of the page. */
      retry: (_tick, due) => {
        const { no_update } = window.dash_clientside;
        return due ? [{ ...wish(window.location.search), again: true }, false] : [no_update, no_update];
      },

      /* The modal was closed by a person: forget what it named. An address that opened nothing stays. */
      closed: (isOpen) => {
        if (isOpen || !shown || window.location.search !== shown) return window.dash_clientside.no_update;
        shown = "";
        write("", true);
        return wish("");
      },
    },
  });
})();
