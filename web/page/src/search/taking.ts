/** Ways in for a picture: dropped, pasted, chosen or photographed; and addresses. */

import {texts} from "../i18n/language";
import {Latest} from "./latest";
import {notify} from "../state/panels";
import {keepPicture} from "../state/pictures";
import {askFor, question} from "../state/route";
import {MOST_URL} from "../state/question";
import {codeOf, refusal, trouble} from "../state/trouble";
import {bringsFolder} from "./dropped";

const takings = new Latest();

/** Search with the first picture among some files; says so where there is none. */
export async function takeFiles(files: Iterable<Blob>): Promise<void> {
  const pictures = [...files].filter(isPicture);
  if (pictures.length > 1) notify(texts.value.source.firstOf(pictures.length));
  await take(async () => pictures[0], "not_a_picture");
}

/** Search with a picture that takes its time to come; what was asked for meanwhile is what is wanted then. `none`: the code of what is said where none comes. */
async function take(bring: () => Promise<Blob | undefined>, none: string): Promise<void> {
  const signal = takings.begin();
  const before = question.value;
  const isWanted = () => !signal.aborted && question.value === before;
  const picture = await bring();
  if (!isWanted()) return;
  if (!picture) return refuse(none);
  try {
    const key = await keepPicture(picture, picture instanceof File ? picture.name : "");
    if (isWanted()) askFor({kind: "picture", key});
  } catch (error) {
    if (isWanted()) refuse(codeOf(error));
  }
}

/** Search with the picture at an address, which the service fetches. What is wrong with it, where it cannot be searched with. */
export function takeUrl(text: string): "no_address" | "long_address" | null {
  const url = webAddress(text);
  if (!url) return "no_address";
  if (url.length > MOST_URL) return "long_address";
  takings.stop();
  askFor({kind: "url", url});
  return null;
}

/** What a drop brings; says so where that is nothing to search with. */
export function takeDropped(data: DataTransfer): void {
  if (!takeTransfer(data)) refuse("nothing_given");
}

/** What a drop or a paste brings: files, else a web address. False where it brings neither. */
export function takeTransfer(data: DataTransfer): boolean {
  if (bringsFolder(data)) {
    refuse("folder");
    return true;
  }
  if (data.files.length) {
    void takeFiles(data.files);
    return true;
  }
  const wrong = takeUrl(data.getData("text/uri-list") || data.getData("text/plain"));
  if (wrong === "long_address") refuse(wrong);
  return wrong !== "no_address";
}

/** Search with the picture on the clipboard; the browser may ask the user first. */
export async function takeClipboard(): Promise<void> {
  await take(onClipboard, "nothing_pasted");
}

async function onClipboard(): Promise<Blob | undefined> {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((one) => one.startsWith("image/"));
      if (type) return await item.getType(type);
    }
  } catch {
    // Not allowed, or not offered by this browser: the same as nothing there.
  }
  return undefined;
}

/** By its type, or where the system knows none, by its name. */
export function isPicture(file: Blob): boolean {
  if (file.type) return file.type.startsWith("image/");
  return file instanceof File && /\.(jpe?g|png|webp|gif|bmp|tiff?|heic|avif)$/i.test(file.name);
}

/** The web address that a text begins with, as browsers write it; null where it begins with none. */
export function webAddress(text: string): string | null {
  const first = text.trim().split(/\s/)[0] ?? "";
  return /^https?:\/\/[^/]/i.test(first) && URL.canParse(first) ? new URL(first).href : null;
}

function refuse(code: string): void {
  trouble.value = refusal(code);
}
