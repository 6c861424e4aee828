/* The switch between the themes. theme.js applies the stored one before the first paint. */

/* Clientside callbacks. */
export const theme = {
  /**
   * @param {number} _clicks
   * @param {string} current
   */
  toggle: (_clicks, current) => (current === "light" ? "dark" : "light"),

  /**
   * Show a theme; returns the switch's label.
   * @param {string} chosen
   */
  apply: (chosen) => {
    document.documentElement.setAttribute("data-bs-theme", chosen === "light" ? "light" : "dark");
    return chosen === "light" ? "Dark theme" : "Light theme";
  },
};
