/* A panel's controls and its status light. */
(function () {
  "use strict";

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    panel: {
      /* The view that the controls name; nothing where the panel shows it already. */
      choose: (tf, step, view) =>
        !tf || !step || (tf === view.tf && step === view.step)
          ? window.dash_clientside.no_update
          : { ...view, tf, step },

      showStatus: (status) => {
        window.dash_clientside.server.beat();
        const { state, word, cause, age } = status;
        return [`feed-status is-${state}`, word, cause, age];
      },
    },
  });
})();
