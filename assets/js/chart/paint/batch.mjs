/* Drawing in device pixels: rectangles batched by color, and texts whose width is known beforehand. */

/* Rectangles, collected by color. */
export class Boxes {
  constructor() {
    /** @type {Map<string, number[]>} */
    this._byColor = new Map();
  }

  /**
   * @param {string} color
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  add(color, x, y, width, height) {
    const list = this._byColor.get(color);
    if (list) list.push(x, y, width, height);
    else this._byColor.set(color, [x, y, width, height]);
  }

  /** @param {CanvasRenderingContext2D} context */
  paint(context) {
    for (const [color, list] of this._byColor) {
      context.fillStyle = color;
      for (let at = 0; at < list.length; at += 4) {
        context.fillRect(list[at], list[at + 1], list[at + 2], list[at + 3]);
      }
    }
  }
}

/* Texts, collected by style: "<weight>|<align>|<color>". */
export class Texts {
  constructor() {
    /** @type {Map<string, {text: string, x: number, y: number}[]>} */
    this._byStyle = new Map();
  }

  /**
   * @param {string} weight
   * @param {CanvasTextAlign} align
   * @param {string} color
   * @param {string} text
   * @param {number} x
   * @param {number} y
   */
  add(weight, align, color, text, x, y) {
    const style = `${weight}|${align}|${color}`;
    const list = this._byStyle.get(style);
    if (list) list.push({ text, x, y });
    else this._byStyle.set(style, [{ text, x, y }]);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} size device pixels
   * @param {string} family
   */
  paint(context, size, family) {
    context.textBaseline = "alphabetic";
    for (const [style, list] of this._byStyle) {
      const [weight, align, color] = style.split("|");
      context.font = `${weight} ${size}px ${family}`;
      context.textAlign = /** @type {CanvasTextAlign} */ (align);
      context.fillStyle = color;
      for (const { text, x, y } of list) context.fillText(text, x, y);
    }
  }
}

const MEASURED_AT = 100; // px

/* Widths of texts in em, summed over characters: measuring each text would cost more than drawing it. */
export class Ruler {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} family
   */
  constructor(context, family) {
    this._context = context;
    this._font = `600 ${MEASURED_AT}px ${family}`;
    /** @type {Map<string, number>} */
    this._widths = new Map();
  }

  /** @param {string} text */
  em(text) {
    let sum = 0;
    for (const character of text) sum += this._widths.get(character) ?? this._measure(character);
    return sum;
  }

  /** @param {string} character */
  _measure(character) {
    this._context.font = this._font;
    const width = this._context.measureText(character).width / MEASURED_AT;
    this._widths.set(character, width);
    return width;
  }
}

/**
 * Diagonal lines over a rectangle.
 * @param {CanvasRenderingContext2D} context
 * @param {string} color
 * @param {{x: number, y: number, width: number, height: number}} area
 * @param {number} gap
 * @param {number} lineWidth
 */
export function hatch(context, color, { x, y, width, height }, gap, lineWidth) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.beginPath();
  for (let at = x - height; at < x + width; at += gap) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.strokeStyle = color;
  context.lineWidth = lineWidth;
  context.stroke();
  context.restore();
}

const CAPITAL = 0.727; // height of a digit, em

/**
 * Baseline of a text whose digits stand in the middle of [top, bottom].
 * @type {(top: number, bottom: number, size: number) => number}
 */
export const baseline = (top, bottom, size) => Math.round((top + bottom + size * CAPITAL) / 2);
