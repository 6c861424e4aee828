/** The globals of Dash, its components and Plotly that the app's modules use, and those that they set. */

import type { footprintChart } from "./chart/chart.mjs";
import type { Feed } from "./chart/feed.mjs";

/** A component's id, or its pattern. */
type ComponentId = string | Record<string, string>;

interface DashClientside {
  no_update: unknown;
  callback_context: { inputs_list: any[] };
  set_props(id: ComponentId, props: Record<string, unknown>): void;
}

declare global {
  interface Window {
    dash_clientside: DashClientside;
    dash_component_api: { getLayout(id: ComponentId): { props: any } | undefined };
    dash_ag_grid: { getApiAsync(id: string): Promise<any> };
    dashAgGridFunctions?: Record<string, unknown>;
    dashAgGridComponentFunctions?: Record<string, unknown>;
    orderflow: { footprintChart: typeof footprintChart; footprint: { Feed: typeof Feed } };
    orderflow_dash: Record<string, unknown>;
    Plotly: any;
    React: any;
  }

  interface DocumentEventMap {
    "orderflow:crosshair": CustomEvent;
    "orderflow:status": CustomEvent;
  }
  interface HTMLElementEventMap {
    "orderflow:crosshair": CustomEvent;
    "orderflow:footprint-options": CustomEvent;
    "orderflow:footprint-painted": CustomEvent;
    "orderflow:status": CustomEvent;
    "orderflow:update": CustomEvent;
  }
}
