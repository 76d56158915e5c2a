/** Two pictures to be compared: hits, or a hit and the user's own. */

import {computed, signal} from "@preact/signals";

import type {CollectionClient, Hit} from "../../../client";

export type Subject = {kind: "query"} | {kind: "hit"; hit: Hit; from: CollectionClient};

export const chosen = signal<readonly Subject[]>([]);

/** Whether two are chosen: then they are shown. */
export const comparing = computed(() => chosen.value.length === 2);

export function isChosen(id: string): boolean {
  return chosen.value.some((one) => one.kind === "hit" && one.hit.id === id);
}

/** Choose a hit of a collection, or take the choice back. */
export function choose(hit: Hit, from: CollectionClient): void {
  chosen.value = isChosen(hit.id)
    ? chosen.value.filter((one) => one.kind !== "hit" || one.hit.id !== hit.id)
    : [...chosen.value, {kind: "hit" as const, hit, from}].slice(-2);
}

export function chooseQuery(): void {
  chosen.value = [{kind: "query" as const}, ...chosen.value].slice(0, 2);
}

export function chooseNone(): void {
  chosen.value = [];
}
