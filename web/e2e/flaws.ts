/** Runs in the page: what is ugly to see in it or in the dialog that is open, in words; empty where there is nothing. */
export function flaws(): string[] {
  const root = document.querySelector("dialog[open]") ?? document.body;
  const textsOf = (one: Element) => [...one.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE && child.textContent!.trim() !== "");
  const nameOf = (one: Element) => `${one.tagName.toLowerCase()}.${one.className} “${(one.getAttribute("aria-label") ?? one.textContent!).trim().slice(0, 40)}”`;
  const linesOf = (text: Node) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    return new Set([...range.getClientRects()].map(({bottom}) => Math.round(bottom))).size;
  };
  const seen = [...root.querySelectorAll("*")].filter((one) => one.getClientRects().length > 0 && one.clientWidth > 1 && one.closest(".unseen") === null);
  const wrapped = seen.filter((one) => one.matches("button, .segments span") && textsOf(one).some((text) => linesOf(text) > 1));
  const cut = seen.filter((one) => {
    const {overflowX, textOverflow} = getComputedStyle(one);
    return textsOf(one).length > 0 && one.scrollWidth > one.clientWidth + 1 && overflowX !== "auto" && textOverflow !== "ellipsis";
  });
  const outside = seen.filter((one) => {
    const {left, right} = one.getBoundingClientRect();
    return one.matches("button, input:not([type=radio]), select, a") && one.closest(".chips") === null && (left < -1 || right > innerWidth + 1);
  });
  return [
    ...(document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["the page scrolls sideways"] : []),
    ...wrapped.map((one) => `wraps: ${nameOf(one)}`),
    ...cut.map((one) => `is cut off or spills over: ${nameOf(one)}`),
    ...outside.map((one) => `stands outside of the window: ${nameOf(one)}`),
  ];
}
