/* Texts that change each second, written into the text that is there: another node would have the style of the whole
   page looked at. */
(function () {
  "use strict";

  function write(place, text) {
    const written = place.firstChild;
    if (!written) place.textContent = text;
    else if (written.data !== text) written.data = text;
  }

  window.orderflow = Object.assign(window.orderflow || {}, { liveText: { write } });
})();
