/** Whether fingers alone work this device: then nothing can be dropped on the page, and there are no keys to press. */
export const isTouched = globalThis.matchMedia?.("(hover: none) and (pointer: coarse)").matches ?? false;
