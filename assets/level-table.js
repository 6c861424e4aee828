/* The levels of one candle: a click or Enter on a row of the footprint table opens them, Escape closes them.
   React renders `.level-table` empty and never looks inside: rows are drawn here, and of a row only what changed. */
(function () {
  "use strict";

  const COLUMNS = [
    ["price", "Price", "Price of the level"],
    ["bid", "Bid", "Volume whose aggressor sold"],
    ["ask", "Ask", "Volume whose aggressor bought"],
    ["delta", "Delta", "Ask less bid"],
    ["n", "n", "Trade records"],
    ["bar", "Volume", "Bid and ask, against the largest level"],
  ];
  const MARKS = [
    ["stacked-buy", "buy", "▸▸", "Stacked buying: three or more levels in a row outweigh the bids one step below"],
    ["buy", "buy", "▸", "Buying outweighs the bids one step below"],
    ["stacked-sell", "sell", "▸▸", "Stacked selling: three or more levels in a row outweigh the asks one step above"],
    ["sell", "sell", "▸", "Selling outweighs the asks one step above"],
  ];

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function write(cell, text) {
    if (cell.textContent !== text) cell.textContent = text;
  }

  function dress(target, className) {
    if (target.className !== className) target.className = className;
  }

  function pick(panel, openTs) {
    const id = { type: "panel-candle", panel: panel.dataset.panel };
    window.dash_clientside.set_props(id, { data: openTs });
  }

  /* -- the footprint table's rows ------------------------------------------------------------------ */

  const { rowsOf, rowOf, candleOf } = window.orderflow.footprintRows;

  function isOpen(panel) {
    const section = panel.querySelector(".level-section");
    return section !== null && !section.hidden;
  }

  function toggle(row) {
    const panel = row.closest(".orderflow-panel");
    const openTs = candleOf(row);
    const shown = panel.querySelector(".level-table").dataset.openTs;
    pick(panel, isOpen(panel) && shown === openTs ? "" : openTs);
  }

  function close(panel) {
    const openTs = panel.querySelector(".level-table").dataset.openTs;
    pick(panel, "");
    const row = rowOf(panel.querySelector(".footprint-rows"), openTs);
    if (row) row.focus({ preventScroll: true });
  }

  const rowAt = (target) => {
    const row = target.closest && target.closest(".footprint-rows tr");
    return row && row.querySelector("td") ? row : null;
  };

  document.addEventListener("click", (event) => {
    const row = rowAt(event.target);
    if (row) toggle(row);
    const closer = event.target.closest && event.target.closest(".level-close");
    if (closer) close(closer.closest(".orderflow-panel"));
  });

  function moveFocus(row, by) {
    const rows = rowsOf(row.closest(".footprint-rows"));
    const next = rows[rows.indexOf(row) + by];
    if (next) next.focus();
  }

  /* Escape closes the levels of the panel in focus, or of the only panel; only then what lies around it. */
  function panelToClose(target) {
    const own = target.closest && target.closest(".orderflow-panel");
    const panels = [...document.querySelectorAll(".orderflow-panel")];
    const panel = own || (panels.length === 1 ? panels[0] : null);
    return panel && isOpen(panel) ? panel : null;
  }

  window.addEventListener(
    "keydown",
    (event) => {
      const row = rowAt(event.target);
      if (row && (event.key === "Enter" || event.key === " ")) toggle(row);
      else if (row && event.key === "ArrowDown") moveFocus(row, 1);
      else if (row && event.key === "ArrowUp") moveFocus(row, -1);
      else if (event.key === "Escape" && panelToClose(event.target)) close(panelToClose(event.target));
      else {
        // The table would keep them for cells to be chosen, and with them the focus.
        const isKept = ["Tab", "Enter"].includes(event.key) && event.target.closest?.(".footprint-rows");
        if (isKept) event.stopImmediatePropagation();
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true
  );

  /* -- the levels ---------------------------------------------------------------------------------- */

  function build(place) {
    const head = element("div", "level-head");
    const closer = element("button", "level-close btn-close");
    closer.type = "button";
    closer.setAttribute("aria-label", "Close the levels");
    head.append(element("h3", "level-title"), element("span", "section-note level-note"), closer);
    const scroll = element("div", "level-scroll");
    scroll.tabIndex = 0;
    const table = element("table");
    table.append(element("thead"), element("tbody"));
    scroll.append(table);
    place.replaceChildren(head, scroll);
  }

  const ordered = (swap) => (swap ? [0, 2, 1, 3, 4, 5] : [0, 1, 2, 3, 4, 5]).map((index) => COLUMNS[index]);

  function writeHead(place, content) {
    write(place.querySelector(".level-title"), `Levels ${content.title}`);
    const note = place.querySelector(".level-note");
    write(note, `${content.unit}, ${content.note}`);
    if (note.title !== content.tip) note.title = content.tip;
    const order = ordered(content.swap);
    if (place.dataset.swap === String(content.swap)) return;
    place.dataset.swap = String(content.swap);
    const row = element("tr");
    const help = window.orderflow.help.addresses(place.closest(".orderflow-panel"));
    for (const [name, label, tip] of order) {
      const cell = element("th", `level-${name}`);
      cell.append(window.orderflow.help.label(help, label));
      cell.title = tip;
      row.append(cell);
    }
    place.querySelector("thead").replaceChildren(row);
    place.querySelector("tbody").replaceChildren();
  }

  function newRow(swap) {
    const row = element("tr");
    for (const [name] of ordered(swap)) row.append(element("td", `level-${name}`));
    const bar = row.querySelector(".level-bar");
    bar.append(element("i", "bar-bid"), element("i", "bar-ask"));
    return row;
  }

  function mark(cell, text, marks, side) {
    const found = MARKS.find(([name, of]) => of === side && marks.includes(name));
    write(cell, found ? `${found[2]} ${text}` : text);
    const title = found ? found[3] : "";
    if (cell.title !== title) cell.title = title;
  }

  function writeRow(row, [price, bid, ask, delta, n, bidBar, askBar, marks]) {
    const names = marks ? marks.split(" ") : [];
    const cell = (name) => row.querySelector(`.level-${name}`);
    dress(row, names.map((name) => `is-${name}`).join(" "));
    write(cell("price"), price);
    mark(cell("bid"), bid, names, "sell");
    mark(cell("ask"), ask, names, "buy");
    write(cell("delta"), delta);
    cell("delta").dataset.side = delta.startsWith("−") ? "bid" : delta.startsWith("+") ? "ask" : "";
    write(cell("n"), n);
    const [bidStrip, askStrip] = cell("bar").children;
    for (const [strip, share] of [
      [bidStrip, bidBar],
      [askStrip, askBar],
    ]) {
      if (strip.style.width !== `${share}%`) strip.style.width = `${share}%`;
    }
  }

  /* Rows are kept by price, so that a level that appears moves the others and rewrites none of them. */
  function writeRows(place, content) {
    const body = place.querySelector("tbody");
    const there = new Map([...body.rows].map((row) => [row.dataset.price, row]));
    let at = body.firstElementChild;
    for (const level of content.rows) {
      const row = there.get(level[0]) || newRow(content.swap);
      row.dataset.price = level[0];
      there.delete(level[0]);
      writeRow(row, level);
      if (row === at) at = at.nextElementSibling;
      else body.insertBefore(row, at);
    }
    there.forEach((row) => row.remove());
  }

  function showPoc(place) {
    const scroll = place.querySelector(".level-scroll");
    const poc = place.querySelector("tr.is-poc");
    if (poc) scroll.scrollTop = poc.offsetTop - (scroll.clientHeight - poc.offsetHeight) / 2;
  }

  function draw(place, content) {
    if (!place.firstElementChild) build(place);
    const isAnother = place.dataset.openTs !== String(content.open_ts);
    place.dataset.openTs = String(content.open_ts);
    writeHead(place, content);
    writeRows(place, content);
    if (isAnother) window.requestAnimationFrame(() => showPoc(place));
  }

  window.orderflow = Object.assign(window.orderflow || {}, {
    levels: {
      /* Draw the levels of the open candle; nothing is open where there is no content. */
      show: (panel, content) => {
        const place = panel.querySelector(".level-table");
        panel.querySelector(".level-section").hidden = !content;
        if (content) draw(place, content);
        else {
          delete place.dataset.openTs;
          delete place.dataset.swap;
          place.replaceChildren();
        }
      },
    },
  });
})();
