//! What is read off a page inside the browser, where it was laid out.

/// Texts whose colour stands out too little from what lies behind them (WCAG 2.2, 1.4.3 at level AA).
pub(super) const PALE_TEXTS: &str = r"
const channel = value => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const parsed = text => text.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const behind = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = parsed(getComputedStyle(at).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const pale = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
  const [one, other] = [luminance(parsed(getComputedStyle(element).color)), luminance(behind(element))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) pale.push(walker.currentNode.data.trim() + ' ' + ratio.toFixed(2));
}
return pale;";

/// What sticks out of the window sideways, but for what scrolls by itself.
pub(super) const TOO_WIDE: &str = r"
const wide = [...document.querySelectorAll('body *')].filter(element =>
  !element.closest('.scroll') && !element.matches('.skip') && element.getBoundingClientRect().right > innerWidth + 0.5);
const page = document.scrollingElement;
const names = wide.map(element => element.tagName + ' ' + element.className);
return page.scrollWidth > innerWidth ? ['page ' + page.scrollWidth, ...names] : names;";

/// Headings in order: level and text.
pub(super) const HEADINGS: &str = "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => [Number(h.tagName[1]), h.textContent.trim()]);";

/// What a finger can hit too easily beside: buttons lower than 44 pixels.
pub(super) const SMALL_BUTTONS: &str = r"
return [...document.querySelectorAll('button')].map(b => b.getBoundingClientRect())
  .filter(box => box.height < 44 || box.width < 44).length;";

/// The references of the entries, in order.
pub(super) const REFERENCES: &str = r"
return [...document.querySelectorAll('.facts div')].filter(row => row.querySelector('dt').textContent === 'Reference')
  .map(row => row.querySelector('dd').textContent);";

/// Where the focus is: tag, whether all of it can be seen, and the colour behind it.
pub(super) const FOCUS: &str = r"
const element = document.activeElement;
const box = element.getBoundingClientRect();
const seen = box.width > 0 && box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
return [element.tagName.toLowerCase(), seen, getComputedStyle(element).backgroundColor, element.textContent.trim()];";

/// Every cell of a table that says what it heads, every caption, and what has neither.
pub(super) const TABLES: &str = r"
return [...document.querySelectorAll('table')].map(table => ({
  caption: table.caption ? table.caption.textContent.trim() : '',
  headless: [...table.querySelectorAll('th')].filter(head => !head.scope).length,
  columns: table.querySelectorAll('thead th[scope=col]').length,
  rows: table.querySelectorAll('tbody tr').length,
  named: table.querySelectorAll('tbody tr > th[scope=row], tbody tr > th[scope=rowgroup]').length,
}));";
