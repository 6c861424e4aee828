/* Writes a text that changes each second into the text node that is there: a new node makes the browser recalculate
   the style of the whole page. */
(function () {
  "use strict";

  function write(place, text) {
    const written = place.firstChild;
    if (!written) place.textContent = text;
    else if (written.data !== text) written.data = text;
  }

  window.orderflow = Object.assign(window.orderflow || {}, { liveText: { write } });
})();
