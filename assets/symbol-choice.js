/* What a person chose of the symbol table: favourites, venue, columns. Kept in this browser, and told to its other
   tabs. What is kept may be of another version or by another hand, so all of it is read as unknown. */
(function () {
  "use strict";

  const FAVOURITES = "symbol-favourites";
  const ONLY_FAVOURITES = "symbol-only-favourites";
  const VENUE = "symbol-venue";
  const COLUMNS = "symbol-columns";
  const MOST_FAVOURITES = 200;
  const ROW_ID = /^[a-z]{1,20}:[^\s:]{1,40}$/;
  const NAME = /^[a-z_]{1,20}$/;

  const listeners = [];

  const here = {}; // what stands where storage is closed to this page

  function read(key) {
    try {
      return JSON.parse(window.localStorage.getItem(key)) ?? here[key];
    } catch {
      return here[key];
    }
  }

  function write(key, value) {
    here[key] = value;
    try {
      window.localStorage.setItem(key, JSON.stringify(value));
    } catch {
      return; // closed or full: the choice lasts as long as the page
    }
  }

  function texts(value, form, most) {
    const list = Array.isArray(value) ? value : [];
    return list.filter((each) => typeof each === "string" && form.test(each)).slice(0, most);
  }

  const readFavourites = () => new Set(texts(read(FAVOURITES), ROW_ID, MOST_FAVOURITES));
  let favourites = readFavourites();

  function tell(what) {
    listeners.forEach((listener) => listener(what));
  }

  /* Another tab changed the favourites; its venue and columns are its own. A cleared storage has no key. */
  window.addEventListener("storage", (event) => {
    if (event.key !== FAVOURITES && event.key !== null) return;
    delete here[FAVOURITES];
    favourites = readFavourites();
    tell("favourites");
  });

  window.symbolChoice = {
    MOST_FAVOURITES,

    /* Call a function with "favourites" or "filter" after each change. */
    follow: (listener) => listeners.push(listener),

    isFavourite: (id) => favourites.has(id),

    hasFavourites: () => favourites.size > 0,

    /* Make a row a favourite or take it back; false where there are too many. A venue that is away keeps its own. */
    toggleFavourite: (id) => {
      favourites = readFavourites(); // another tab's last word counts, even where its event is still under way
      if (!favourites.delete(id)) {
        if (favourites.size >= MOST_FAVOURITES) return false;
        favourites.add(id);
      }
      write(FAVOURITES, [...favourites]);
      tell("favourites");
      return true;
    },

    onlyFavourites: () => read(ONLY_FAVOURITES) === true,

    /* The name of the venue that is shown alone, "" for all. One that is not served here counts as none. */
    venue: () => {
      const venue = read(VENUE);
      return document.querySelector(`.venue-chip[data-venue="${NAME.test(venue) ? venue : ""}"]`) ? venue : "";
    },

    choose: ({ venue, onlyFavourites }) => {
      if (venue !== undefined) write(VENUE, venue);
      if (onlyFavourites !== undefined) write(ONLY_FAVOURITES, onlyFavourites);
      tell("filter");
    },

    /* The columns chosen for a layout ("wide" or "narrow"); null where its defaults stand. */
    columns: (layout) => {
      const chosen = (read(COLUMNS) || {})[layout];
      return Array.isArray(chosen) ? texts(chosen, NAME, 20) : null;
    },

    chooseColumns: (layout, columns) => {
      const kept = { wide: null, narrow: null };
      for (const name of Object.keys(kept)) kept[name] = window.symbolChoice.columns(name);
      write(COLUMNS, { ...kept, [layout]: columns });
    },
  };
})();
