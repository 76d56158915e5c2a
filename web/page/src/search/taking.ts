/** Ways in for a picture: dropped, pasted, chosen or photographed; and addresses. */

import {texts} from "../i18n/language";
import {Latest} from "./latest";
import {notify} from "../state/panels";
import {keepPicture} from "../state/pictures";
import {askFor, question} from "../state/route";
import {trouble, troubleOf} from "../state/trouble";
import {bringsFolder} from "./dropped";

const takings = new Latest();

/** Search with the first picture among some files; says so where there is none. */
export async function takeFiles(files: Iterable<Blob>): Promise<void> {
  const pictures = [...files].filter(isPicture);
  if (pictures.length > 1) notify(texts.value.source.firstOf(pictures.length));
  await take(async () => pictures[0], texts.value.source.notAPicture);
}

/** Search with a picture that takes its time to come; what was asked for meanwhile is what is wanted then. `none`: what is said where none comes. */
async function take(bring: () => Promise<Blob | undefined>, none: string): Promise<void> {
  const signal = takings.begin();
  const before = question.value;
  const isWanted = () => !signal.aborted && question.value === before;
  const picture = await bring();
  if (!isWanted()) return;
  if (!picture) return refuse(none);
  const key = await keepPicture(picture, picture instanceof File ? picture.name : "");
  if (isWanted()) askFor({kind: "picture", key});
}

/** Search with the picture at an address, which the service fetches. False where it is no web address. */
export function takeUrl(text: string): boolean {
  const url = webAddress(text);
  if (url) {
    takings.stop();
    askFor({kind: "url", url});
  }
  return url !== null;
}

/** What a drop or a paste brings: files, else a web address. False where it brings neither. */
export function takeTransfer(data: DataTransfer): boolean {
  if (bringsFolder(data)) {
    refuse(texts.value.source.folder);
    return true;
  }
  if (data.files.length) {
    void takeFiles(data.files);
    return true;
  }
  return takeUrl(data.getData("text/uri-list") || data.getData("text/plain"));
}

/** Search with the picture on the clipboard; the browser may ask the user first. */
export async function takeClipboard(): Promise<void> {
  await take(onClipboard, texts.value.source.noPicture);
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

/** A web address in a text, or null. */
export function webAddress(text: string): string | null {
  const first = text.trim().split(/\s/)[0] ?? "";
  return /^https?:\/\/[^/]/i.test(first) && URL.canParse(first) ? first : null;
}

function refuse(detail: string): void {
  trouble.value = {...troubleOf(null), code: "no_picture", detail};
}
