/* A panel's controls. Their values become the store "view", which names the panel in the address; an option with its
   default is left out of it. */

/** @typedef {Record<string, string>} View */

/**
 * Values of the option controls by name.
 * @param {string[]} values
 */
function options(values) {
  /** @type {{id: {option: string}}[]} */
  const ids = window.dash_clientside.callback_context.inputs_list[2] || [];
  return Object.fromEntries(ids.map(({ id }, index) => [id.option, values[index]]));
}

/* Clientside callbacks. */
export const panel = {
  /**
   * The view that the controls name; no update if the panel shows it already.
   * @param {string} tf
   * @param {string} step
   * @param {string[]} values
   * @param {string} candle
   * @param {View} defaults
   * @param {View} view
   */
  choose: (tf, step, values, candle, defaults, view) => {
    const { no_update } = window.dash_clientside;
    if (!tf || !step) return no_update;
    /** @type {View} */
    const chosen = { ...options(values), candle: tf === view.tf ? candle : "" };
    /** @type {View} */
    const next = { exchange: view.exchange, symbol: view.symbol, tf, step };
    for (const [name, byDefault] of Object.entries(defaults)) {
      const value = chosen[name] ?? "";
      if (value !== "" && value !== byDefault) next[name] = value;
    }
    return new URLSearchParams(next).toString() === new URLSearchParams(view).toString() ? no_update : next;
  },

  /**
   * Apply the options that need no server: colors, number of rows, order of the columns.
   * @param {View} view
   * @param {View} defaults
   * @param {{id: string}[]} columns
   */
  applyOptions: (view, defaults, columns) => {
    /** @param {string} name */
    const option = (name) => view[name] ?? defaults[name];
    const sides = option("swap") === "1" ? ["ask", "bid"] : ["bid", "ask"];
    const places = columns.flatMap(({ id }, index) => (sides.includes(id) ? [index] : []));
    const swapped = columns.map((column, index) => {
      const place = places.indexOf(index);
      return place < 0 ? column : columns.find(({ id }) => id === sides[place]);
    });
    const isSame = swapped.every((column, index) => column === columns[index]);
    return [
      `orderflow-panel palette-${option("palette")}`,
      { "--of-rows": Number(option("rows")) },
      isSame ? window.dash_clientside.no_update : swapped,
    ];
  },
};
