/* The one entry: registers the callbacks, components and functions that Dash and its table look up by name, starts the
   listeners of the page, and publishes the chart. Dash's renderer starts after this module. */

import { footprintChart } from "./chart/chart.mjs";
import { Feed } from "./chart/feed.mjs";
import { address, followHistory } from "./pages/address-bar.mjs";
import { compare, linkCrosshairs } from "./pages/compare.mjs";
import { watchConnection } from "./pages/connection-banner.mjs";
import { embed, startEmbed } from "./pages/embed.mjs";
import { installFetch } from "./pages/http.mjs";
import { watchReplay } from "./pages/replay.mjs";
import { theme } from "./pages/theme.mjs";
import { panel } from "./panel/controls.mjs";
import { shareCrosshair } from "./panel/crosshair.mjs";
import { Deferred } from "./panel/deferred.mjs";
import { footprint } from "./panel/footprint-chart.mjs";
import { measureArrivals } from "./panel/latency.mjs";
import { openLevelsOnClick } from "./panel/level-table.mjs";
import { PanelLive } from "./panel/live.mjs";
import { copyOnClick, share } from "./panel/share.mjs";
import { PanelUpdates, panelUpdates } from "./panel/updates.mjs";
import { listenToBar } from "./symbols/filter.mjs";
import { listenForKeys } from "./symbols/keyboard.mjs";
import { startPreferences } from "./symbols/preferences.mjs";
import { gridCells, gridFunctions, symbols } from "./symbols/table.mjs";

Object.assign(window.dash_clientside, {
  address,
  compare,
  embed,
  footprint,
  panel,
  panelUpdates,
  share,
  symbols,
  theme,
});
window.orderflow_dash = { Deferred, PanelLive, PanelUpdates };
window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, gridFunctions);
window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions || {}, gridCells);

installFetch();
watchConnection();
followHistory();
linkCrosshairs();
shareCrosshair();
startEmbed();
measureArrivals();
openLevelsOnClick();
copyOnClick();
startPreferences();
listenToBar();
listenForKeys();
watchReplay();

window.orderflow = { footprintChart, footprint: { Feed } };
