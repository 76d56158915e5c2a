/**
 * The model is fetched when it is wanted, not before.
 *
 * Wanted it is by whoever says "Browser" and is about to bring a picture, and by whoever has searched with a picture of
 * their own in "Auto", once that answer is on the page. Where the device is to save data, "Auto" goes without it.
 */

import {hasModelFile} from "../../../embedding";
import {where} from "../state/preferences";
import {client, facts} from "../state/service";
import {embedderOf, isOpen} from "./browser";
import {thumbnailsAreThere} from "./thumbnails";

/** A picture is about to come. In "Auto" the model is opened where it lies in this browser already. */
export function expectPicture(): void {
  const model = facts.value?.model;
  if (!model || isOpen(model)) return;
  if (where.value === "browser") open(model);
  else if (where.value === "auto") void openIfKept(model);
}

/** The service has answered in place of this browser: the model follows when the pictures of the answer have come. */
export function warmUpAfterwards(model: string): void {
  if (savesData()) return;
  void thumbnailsAreThere().then(() => where.value === "auto" && open(model));
}

async function openIfKept(model: string): Promise<void> {
  if (await hasModelFile(client, model)) open(model);
}

/** Failing here is no news: a search tries again, and then says what happened. */
function open(model: string): void {
  void embedderOf(model).catch(() => undefined);
}

function savesData(): boolean {
  const {connection} = navigator as Navigator & {connection?: {saveData?: boolean}};
  return connection?.saveData === true;
}
