/* A panel's controls. What the controls say becomes the store "view", which names the panel
   in the address; an option that has its default is left out of it. */
(function () {
  "use strict";

  /* Option controls by name: {name: value}. */
  function options(values) {
    const ids = window.dash_clientside.callback_context.inputs_list[2];
    return Object.fromEntries((ids || []).map(({ id }, index) => [id.option, values[index]]));
  }

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    panel: {
      /* The view that the controls name; nothing where the panel shows it already. */
      choose: (tf, step, values, candle, defaults, view) => {
        const { no_update } = window.dash_clientside;
        if (!tf || !step) return no_update;
        const chosen = { ...options(values), candle: tf === view.tf ? candle : "" };
        const next = { exchange: view.exchange, symbol: view.symbol, tf, step };
        for (const [name, byDefault] of Object.entries(defaults)) {
          const value = chosen[name] ?? "";
          if (value !== "" && value !== byDefault) next[name] = value;
        }
        return new URLSearchParams(next).toString() === new URLSearchParams(view).toString() ? no_update : next;
      },

      /* What of the options needs no server: colours, room for the rows, the order of the columns. */
      dress: (view, defaults, columns) => {
        const option = (name) => view[name] ?? defaults[name];
        const sides = option("swap") === "1" ? ["ask", "bid"] : ["bid", "ask"];
        const swapped = [...columns];
        const places = columns.flatMap(({ id }, index) => (sides.includes(id) ? [index] : []));
        places.forEach((place, index) => {
          swapped[place] = columns.find(({ id }) => id === sides[index]);
        });
        const same = swapped.every((column, index) => column === columns[index]);
        return [
          `orderflow-panel palette-${option("palette")}`,
          { "--of-rows": Number(option("rows")) },
          same ? window.dash_clientside.no_update : swapped,
        ];
      },
    },
  });
})();
