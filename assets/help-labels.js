/* Labels that lead to the place that explains them, for what the browser draws itself. A panel carries the addresses
   (`data-help`: {label: address}); labels that the server draws are links already. */
(function () {
  "use strict";

  const orderflow = (window.orderflow = window.orderflow || {});

  const addresses = (panel) => JSON.parse((panel && panel.dataset.help) || "{}");

  function link(address) {
    const made = document.createElement("a");
    made.href = address;
    made.target = "_blank";
    made.rel = "noopener";
    return made;
  }

  /* A label as a link, or as plain text where nothing explains it. */
  function label(help, name) {
    if (!help[name]) return document.createTextNode(name);
    const made = link(help[name]);
    made.className = "help-label";
    made.textContent = name;
    return made;
  }

  /* The heads of the footprint table: a link lies over each, since the table draws the words itself. */
  function labelHeads(panel) {
    const help = addresses(panel);
    for (const head of panel.querySelectorAll(".footprint-table th")) {
      const name = head.querySelector(".column-header-name").textContent; // innerText would have the page laid out
      const over = head.querySelector(".help-over") || head.appendChild(link(""));
      if (over.dataset.label === name) continue;
      over.className = "help-over";
      over.dataset.label = name;
      over.href = help[name];
      over.setAttribute("aria-label", `Help on ${name} (opens in a new tab)`);
    }
  }

  orderflow.help = { addresses, label, labelHeads };
})();
