/** The model is fetched while the user still looks for a picture, unless the device is to save data. */

import {effect} from "@preact/signals";

import {where} from "../state/preferences";
import {facts} from "../state/service";
import {embedderOf} from "./browser";

const CALM_MS = 400;

export function warmUp(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    const model = facts.value?.model;
    clearTimeout(timer);
    if (!model || where.value === "server" || savesData()) return;
    // Failing here is no news: a search tries again, and then says what happened.
    timer = setTimeout(() => void embedderOf(model).catch(() => undefined), CALM_MS);
  });
  return () => {
    clearTimeout(timer);
    stop();
  };
}

function savesData(): boolean {
  const {connection} = navigator as Navigator & {connection?: {saveData?: boolean}};
  return connection?.saveData === true;
}
