/* Mouse and fingers: wheel zooms time, ctrl or shift + wheel price, drag pans both, double click follows the last;
   one finger pans, two zoom. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const PER_WHEEL_PX = 0.0016; // natural logarithm of a zoom
  const LINE_PX = 18;
  const PAGE_PX = 300;
  const PRICE_LOOSENS_PX = 8; // a drag along time leaves the price fitted
  const PINCH_LEAST_PX = 36; // fingers nearer than this along an axis zoom the other one alone

  class Pointer {
    /* `chart` has view, invalidate(), hoverAt(x, y), leave() and followLast(). */
    constructor(stage, chart) {
      this._stage = stage;
      this._chart = chart;
      this._held = new Map(); // pointer id -> where it is
      this._loosened = false;
      this._travelled = 0;
      this._listeners = {
        wheel: (event) => this._wheel(event),
        pointerdown: (event) => this._down(event),
        pointermove: (event) => this._move(event),
        pointerup: (event) => this._up(event),
        pointercancel: (event) => this._up(event),
        // A finger that is lifted leaves too; what it pointed at stays readable.
        pointerleave: ({ pointerType }) => this._held.size || pointerType === "touch" || chart.leave(),
        dblclick: (event) => event.target.closest("button") || chart.followLast(),
      };
      for (const [name, listener] of Object.entries(this._listeners)) {
        stage.addEventListener(name, listener, { passive: false });
      }
    }

    close() {
      for (const [name, listener] of Object.entries(this._listeners)) {
        this._stage.removeEventListener(name, listener);
      }
    }

    _place({ clientX, clientY }) {
      const box = this._stage.getBoundingClientRect();
      return { x: clientX - box.left - this._stage.clientLeft, y: clientY - box.top - this._stage.clientTop };
    }

    _wheel(event) {
      if (event.target.closest(".footprint-keys")) return;
      event.preventDefault();
      const unit = event.deltaMode === 1 ? LINE_PX : event.deltaMode === 2 ? PAGE_PX : 1;
      const { x, y } = this._place(event);
      const { view } = this._chart;
      const onPrice = event.ctrlKey || event.shiftKey;
      // With shift held some systems turn the wheel's movement sideways.
      const turn = (onPrice ? event.deltaY || event.deltaX : event.deltaY) * unit;
      if (onPrice) view.zoomPrice(Math.exp(-turn * PER_WHEEL_PX), y);
      else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) view.pan(-event.deltaX * unit, 0);
      else view.zoomTime(Math.exp(-turn * PER_WHEEL_PX), x);
      this._chart.invalidate();
      this._chart.hoverAt(x, y);
    }

    _down(event) {
      if (event.button !== 0 || event.target.closest("button, .footprint-keys")) return;
      this._stage.focus({ preventScroll: true });
      this._stage.setPointerCapture(event.pointerId);
      const place = this._place(event);
      this._held.set(event.pointerId, place);
      this._chart.hoverAt(place.x, place.y);
      this._loosened = this._chart.view.price !== "fit";
      this._travelled = 0;
    }

    _move(event) {
      const place = this._place(event);
      const before = this._held.get(event.pointerId);
      if (!before) {
        if (!event.target.closest(".footprint-keys")) this._chart.hoverAt(place.x, place.y);
        return;
      }
      this._held.set(event.pointerId, place);
      if (this._held.size === 1) this._drag(place.x - before.x, place.y - before.y);
      else if (this._held.size === 2) this._pinch(event.pointerId, before, place);
      this._chart.hoverAt(place.x, place.y);
    }

    _drag(dx, dy) {
      this._travelled += dy;
      if (Math.abs(this._travelled) > PRICE_LOOSENS_PX) this._loosened = true;
      const moved = this._loosened ? dy : 0;
      if (!dx && !moved) return;
      this._stage.classList.add("is-dragged");
      this._chart.view.pan(dx, moved);
      this._chart.invalidate();
    }

    _pinch(moved, before, place) {
      const other = [...this._held].find(([id]) => id !== moved)[1];
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

    _up(event) {
      this._held.delete(event.pointerId);
      if (!this._held.size) this._stage.classList.remove("is-dragged");
    }
  }

  parts.Pointer = Pointer;
})();
