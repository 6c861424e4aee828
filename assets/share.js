/* The share menu of a panel: addresses that show what it shows, and copying them. */
(function () {
  "use strict";

  const COPIED_MS = 1500;

  /* Where the application lives: each of its pages lies at its root. */
  const root = () => new URL("./", window.location.href).href;

  /* A value of an address; what may stand in it as it is stays readable. */
  const encoded = (text) => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%3D", "=");

  /* A view as one value of the address `/compare`: venue, symbol, timeframe, step, then its options. */
  function panelText({ exchange, symbol, tf, step, ...options }) {
    const more = Object.entries(options).map(([name, value]) => `${name}=${value}`);
    return encoded([exchange, symbol, tf, step, ...more].join(":"));
  }

  /* What the panel's charts show, as a table. */
  function exported({ exchange, symbol, tf, step, lookback }, rows) {
    const query = { exchange, symbol, tf, step, ...(lookback && { lookback }), rows };
    return `${root()}api/export.csv?${new URLSearchParams(query)}`;
  }

  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

  /* The frame, and the line that lets it be as high as its panel. */
  function snippet(view, theme) {
    const source = `${root()}embed?${new URLSearchParams({ ...view, theme })}`;
    const title = `Order flow of ${view.symbol}`;
    return (
      `<iframe src="${escaped(source)}" title="${escaped(title)}" width="100%" height="760" ` +
      `style="border:0" allow="clipboard-write" loading="lazy"></iframe>\n` +
      `<script>addEventListener("message",({data:d,source:s})=>{if(d&&d.source==="orderflow_dash"&&d.type==="size")` +
      `for(const f of document.querySelectorAll("iframe"))if(f.contentWindow===s)f.style.height=d.height+"px"})</script>`
    );
  }

  async function copy(field) {
    if (window.isSecureContext && navigator.clipboard) {
      await navigator.clipboard.writeText(field.value);
      return;
    }
    field.focus();
    field.select();
    document.execCommand("copy"); // the only way on a page whose origin is not secure
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest && event.target.closest(".share-copy");
    if (!button) return;
    const field = button.closest(".share-field").querySelector("input, textarea");
    try {
      await copy(field);
    } catch {
      field.focus(); // the browser refuses: the text is selected, to be copied by hand
      field.select();
      return;
    }
    button.dataset.copied = "";
    window.setTimeout(() => delete button.dataset.copied, COPIED_MS);
  });

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    share: {
      encoded,
      panelText,

      fill: (view, theme) => [
        `${root()}?${new URLSearchParams(view)}`,
        snippet(view, theme === "light" ? "light" : "dark"),
        `${root()}compare?panel=${panelText(view)}`,
        exported(view, "candles"),
        exported(view, "levels"),
      ],
    },
  });
})();
