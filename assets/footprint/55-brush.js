/* Drawing in device pixels: rectangles in one go for each colour, and texts whose width is known beforehand. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  /* Rectangles, collected by colour. */
  class Boxes {
    constructor() {
      this._byColour = new Map();
    }

    add(colour, x, y, width, height) {
      const list = this._byColour.get(colour);
      if (list) list.push(x, y, width, height);
      else this._byColour.set(colour, [x, y, width, height]);
    }

    paint(context) {
      for (const [colour, list] of this._byColour) {
        context.fillStyle = colour;
        for (let at = 0; at < list.length; at += 4) {
          context.fillRect(list[at], list[at + 1], list[at + 2], list[at + 3]);
        }
      }
    }
  }

  /* Texts, collected by look: a look is "<weight> <align>" with a colour. */
  class Texts {
    constructor() {
      this._byLook = new Map();
      this.count = 0;
    }

    add(weight, align, colour, text, x, y) {
      const look = `${weight}|${align}|${colour}`;
      const list = this._byLook.get(look);
      if (list) list.push(text, x, y);
      else this._byLook.set(look, [text, x, y]);
      this.count += 1;
    }

    /* `size` in device pixels. */
    paint(context, size, family) {
      context.textBaseline = "alphabetic";
      for (const [look, list] of this._byLook) {
        const [weight, align, colour] = look.split("|");
        context.font = `${weight} ${size}px ${family}`;
        context.textAlign = align;
        context.fillStyle = colour;
        for (let at = 0; at < list.length; at += 3) context.fillText(list[at], list[at + 1], list[at + 2]);
      }
    }
  }

  const MEASURED_AT = 100; // px

  /* Widths of texts in em, from the widths of their characters: measuring each text would cost more than
     drawing it. */
  class Ruler {
    constructor(context, family) {
      this._context = context;
      this._font = `600 ${MEASURED_AT}px ${family}`;
      this._widths = new Map();
    }

    em(text) {
      let sum = 0;
      for (const character of text) sum += this._widths.get(character) ?? this._measure(character);
      return sum;
    }

    _measure(character) {
      this._context.font = this._font;
      const width = this._context.measureText(character).width / MEASURED_AT;
      this._widths.set(character, width);
      return width;
    }
  }

  /* Diagonal lines over a rectangle. */
  function hatch(context, colour, x, y, width, height, gap, lineWidth) {
    context.save();
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    context.beginPath();
    for (let at = x - height; at < x + width; at += gap) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
    context.strokeStyle = colour;
    context.lineWidth = lineWidth;
    context.stroke();
    context.restore();
  }

  const CAPITAL = 0.727; // height of a digit, em

  /* Baseline of a text whose digits stand in the middle of [top, bottom]. */
  const baseline = (top, bottom, size) => Math.round((top + bottom + size * CAPITAL) / 2);

  Object.assign(parts, { Boxes, Texts, Ruler, hatch, baseline });
})();
