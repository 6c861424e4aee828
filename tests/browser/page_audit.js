/* What a test asks of a page: `window.audit`. Colors are those that the browser computed. */
(() => {
  /* Red, green, blue and alpha of a computed color. */
  function parsed(color) {
    const numbers = (color.match(/[-\d.]+(e-?\d+)?/g) || []).map(Number);
    if (color.startsWith("color(srgb")) {
      return [...numbers.slice(0, 3).map((each) => each * 255), numbers[3] ?? 1];
    }
    return [...numbers.slice(0, 3), numbers[3] ?? 1];
  }

  const over = ([red, green, blue, alpha], ground) =>
    [red, green, blue].map((each, at) => alpha * each + (1 - alpha) * ground[at]);

  function luminance(color) {
    const [red, green, blue] = color.map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function contrast(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }

  /* Colors of an image or a shadow that lie under all of an element. */
  function tints({ backgroundImage, backgroundSize, boxShadow }) {
    const image = backgroundSize === "auto" ? backgroundImage.match(/rgba?\([^)]*\)/g) || [] : [];
    const shadows = boxShadow.match(/rgba?\([^)]*\)[^,]*inset/g) || [];
    const wide = shadows
      .filter((each) => / [5-9]\d px|\d{3,}px/.test(each))
      .map((each) => each.match(/rgba?\([^)]*\)/)[0]);
    return [...image, ...wide];
  }

  /* Every ground that an element may have: its ancestors' colors on each other, with and without their tints. */
  function grounds(element) {
    let found = [[255, 255, 255]];
    const chain = [];
    for (let each = element; each; each = each.parentElement) chain.unshift(each);
    for (const each of chain) {
      const style = getComputedStyle(each);
      found = found.map((ground) => over(parsed(style.backgroundColor), ground));
      const tinted = tints(style).flatMap((tint) => found.map((ground) => over(parsed(tint), ground)));
      found = [...found, ...tinted].slice(0, 64);
    }
    return found;
  }

  function opacity(element) {
    let product = 1;
    for (let each = element; each; each = each.parentElement)
      product *= Number(getComputedStyle(each).opacity);
    return product;
  }

  function isSeen(element) {
    const { width, height } = element.getBoundingClientRect();
    const isThere = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    return isThere && width > 1 && height > 1 && !element.closest(".visually-hidden, [disabled], option");
  }

  function leastOf({ fontSize, fontWeight }) {
    const size = parseFloat(fontSize);
    return size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5;
  }

  function check(element, text, color, style, found) {
    const [red, green, blue, alpha] = parsed(color);
    const seen = alpha * opacity(element);
    const worst = Math.min(
      ...grounds(element).map((ground) => contrast(over([red, green, blue, seen], ground), ground)),
    );
    if (worst < leastOf(style))
      found.push(`${worst.toFixed(2)}: “${text.slice(0, 40)}” ${color} in ${element.className}`);
  }

  /* Texts that do not stand out from their ground as WCAG AA asks. */
  function faintTexts() {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { data, parentElement: element } = walker.currentNode;
      if (!data.trim() || !isSeen(element)) continue;
      const style = getComputedStyle(element);
      check(element, data, element instanceof SVGElement ? style.fill : style.color, style, found);
    }
    for (const field of document.querySelectorAll("input, select, textarea")) {
      if (
        !isSeen(field) ||
        getComputedStyle(field).clip !== "auto" ||
        ["radio", "checkbox"].includes(field.type)
      )
        continue;
      const isEmpty = !field.value && field.placeholder;
      const style = getComputedStyle(field, isEmpty ? "::placeholder" : null);
      check(field, isEmpty ? field.placeholder : field.value, style.color, style, found);
    }
    return found;
  }

  /* The mark of a focused element; empty if it is not visible. */
  function focusMark(element) {
    const shown = element.matches(".btn-check") ? element.nextElementSibling : element;
    const style = getComputedStyle(shown);
    const isSeenOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const ground = grounds(shown)[0];
    return isSeenOutline && contrast(over(parsed(style.outlineColor), ground), ground) >= 3
      ? style.outline
      : "";
  }

  const named = (element) =>
    `${element.tagName} ${element.className} ${element.ariaLabel || element.innerText || element.value || ""}`.slice(
      0,
      90,
    );

  /* Whether an element comes after another, in the document or, as cells of a grid do, to the eye. */
  function comesAfter(one, other) {
    if (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING) return true;
    const [from, to] = [one, other].map((each) => each.getBoundingClientRect());
    return to.top >= from.bottom - 2 || (Math.abs(to.top - from.top) < 4 && to.left >= from.right - 2);
  }

  /* The element in focus: its name, whether it comes after the one before it, its mark; null where none has it. */
  let before = null;
  function focused() {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const isAfter = !before || comesAfter(before, element);
    before = element;
    return {
      name: named(element),
      isAfter,
      mark: focusMark(element),
      inModal: Boolean(element.closest(".modal")),
    };
  }

  /* Elements with an animation or a transition. */
  function moving() {
    const found = [];
    for (const element of document.querySelectorAll("*")) {
      for (const pseudo of [null, "::before", "::after"]) {
        const { animationName, transitionDuration } = getComputedStyle(element, pseudo);
        const isStill =
          animationName === "none" && transitionDuration.split(",").every((each) => parseFloat(each) === 0);
        if (!isStill) found.push(`${named(element)} ${pseudo || ""}`);
      }
    }
    return found;
  }

  /* Texts of the footprint chart on its strongest and weakest cells, for a palette: the least contrast. */
  function chartContrast(readColors, palette) {
    const root = document.querySelector(".footprint-chart");
    const colors = readColors(root, document.createElement("canvas").getContext("2d"), palette);
    const canvas = document.createElement("canvas");
    const plain = (color) => {
      const context = canvas.getContext("2d");
      context.fillStyle = color;
      const style = context.fillStyle;
      return style.startsWith("#")
        ? [1, 3, 5].map((at) => parseInt(style.slice(at, at + 2), 16)).concat(1)
        : parsed(style);
    };
    const surface = plain(colors.surface).slice(0, 3);
    const areas = [surface, over(plain(colors.valueArea), surface)];
    const cells = [...colors.bidRamp, ...colors.askRamp, ...colors.volumeRamp];
    const text = plain(colors.text).slice(0, 3);
    const onCells = areas.flatMap((area) => cells.map((cell) => contrast(text, over(plain(cell), area))));
    const onSurface = [colors.muted, colors.text, colors.warn].map((each) =>
      contrast(plain(each).slice(0, 3), surface),
    );
    const tags = [colors.ask, colors.bid, colors.text].map((each) =>
      contrast(surface, plain(each).slice(0, 3)),
    );
    return Math.min(...onCells, ...onSurface, ...tags);
  }

  window.audit = { faintTexts, focused, moving, chartContrast };
})();
