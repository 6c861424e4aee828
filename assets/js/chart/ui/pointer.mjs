/* Mouse and fingers: wheel zooms time, ctrl or shift + wheel price, drag pans both, double click follows the last
   candle; one finger pans, two zoom. */

/** @import {Controller} from "../controller.mjs" */

const PER_WHEEL_PX = 0.0016; // natural logarithm of a zoom
const LINE_PX = 18;
const PAGE_PX = 300;
const PRICE_LOOSENS_PX = 8; // a drag along time leaves the price fitted
const PINCH_LEAST_PX = 36; // fingers nearer than this along an axis zoom only the other one

/** @typedef {{x: number, y: number}} Place */

/**
 * @param {Event} event
 * @param {string} css
 */
const isIn = (event, css) => event.target instanceof Element && event.target.closest(css) !== null;

export class Pointer {
  /**
   * @param {HTMLElement} stage
   * @param {Pick<Controller, "view" | "invalidate" | "hoverAt" | "leave" | "followLast">} chart
   */
  constructor(stage, chart) {
    this._stage = stage;
    this._chart = chart;
    /** @type {Map<number, Place>} by pointer id */
    this._held = new Map();
    this._loosened = false;
    this._traveled = 0;
    this._leaving = new AbortController();
    const options = { passive: false, signal: this._leaving.signal };
    stage.addEventListener("wheel", (event) => this._wheel(event), options);
    stage.addEventListener("pointerdown", (event) => this._down(event), options);
    stage.addEventListener("pointermove", (event) => this._move(event), options);
    stage.addEventListener("pointerup", (event) => this._up(event), options);
    stage.addEventListener("pointercancel", (event) => this._up(event), options);
    // A lifted finger leaves too; the readout keeps its last place.
    stage.addEventListener(
      "pointerleave",
      ({ pointerType }) => this._held.size || pointerType === "touch" || chart.leave(),
      options,
    );
    stage.addEventListener("dblclick", (event) => isIn(event, "button") || chart.followLast(), options);
  }

  close() {
    this._leaving.abort();
  }

  /**
   * @param {MouseEvent} event
   * @returns {Place}
   */
  _place({ clientX, clientY }) {
    const box = this._stage.getBoundingClientRect();
    return { x: clientX - box.left - this._stage.clientLeft, y: clientY - box.top - this._stage.clientTop };
  }

  /** @param {WheelEvent} event */
  _wheel(event) {
    if (isIn(event, ".footprint-keys")) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? LINE_PX : event.deltaMode === 2 ? PAGE_PX : 1;
    const { x, y } = this._place(event);
    const { view } = this._chart;
    const isPrice = event.ctrlKey || event.shiftKey;
    // With shift held some systems turn the wheel's movement sideways.
    const turn = (isPrice ? event.deltaY || event.deltaX : event.deltaY) * unit;
    if (isPrice) view.zoomPrice(Math.exp(-turn * PER_WHEEL_PX), y);
    else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) view.pan(-event.deltaX * unit, 0);
    else view.zoomTime(Math.exp(-turn * PER_WHEEL_PX), x);
    this._chart.invalidate();
    this._chart.hoverAt(x, y);
  }

  /** @param {PointerEvent} event */
  _down(event) {
    if (event.button !== 0 || isIn(event, "button, .footprint-keys")) return;
    this._stage.focus({ preventScroll: true });
    this._stage.setPointerCapture(event.pointerId);
    const place = this._place(event);
    this._held.set(event.pointerId, place);
    this._chart.hoverAt(place.x, place.y);
    this._loosened = this._chart.view.price !== "fit";
    this._traveled = 0;
  }

  /** @param {PointerEvent} event */
  _move(event) {
    const place = this._place(event);
    const before = this._held.get(event.pointerId);
    if (!before) {
      if (!isIn(event, ".footprint-keys")) this._chart.hoverAt(place.x, place.y);
      return;
    }
    this._held.set(event.pointerId, place);
    if (this._held.size === 1) this._drag(place.x - before.x, place.y - before.y);
    else if (this._held.size === 2) this._pinch(event.pointerId, before, place);
    this._chart.hoverAt(place.x, place.y);
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  _drag(dx, dy) {
    this._traveled += dy;
    if (Math.abs(this._traveled) > PRICE_LOOSENS_PX) this._loosened = true;
    const moved = this._loosened ? dy : 0;
    if (!dx && !moved) return;
    this._stage.classList.add("is-dragged");
    this._chart.view.pan(dx, moved);
    this._chart.invalidate();
  }

  /**
   * @param {number} moved pointer id
   * @param {Place} before
   * @param {Place} place
   */
  _pinch(moved, before, place) {
    const other = [...this._held].filter(([id]) => id !== moved).map(([, held]) => held)[0];
    /** @param {"x" | "y"} axis */
    const factor = (axis) => {
      const was = Math.abs(before[axis] - other[axis]);
      const is = Math.abs(place[axis] - other[axis]);
      return was > PINCH_LEAST_PX && is > PINCH_LEAST_PX ? is / was : 1;
    };
    const { view } = this._chart;
    view.zoomTime(factor("x"), (place.x + other.x) / 2);
    if (factor("y") !== 1) view.zoomPrice(factor("y"), (place.y + other.y) / 2);
    this._chart.invalidate();
  }

  /** @param {PointerEvent} event */
  _up(event) {
    this._held.delete(event.pointerId);
    if (!this._held.size) this._stage.classList.remove("is-dragged");
  }
}
