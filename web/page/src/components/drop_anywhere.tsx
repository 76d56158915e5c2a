/** A picture may be dropped or pasted anywhere on the page. */

import {useEffect, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {takeDropped, takeTransfer} from "../search/taking";
import {expectPicture} from "../search/warming";
import {Icon} from "./icons";

/** Whether no dialog is open, behind which nobody would see what becomes of it. */
const isFree = () => document.querySelector("dialog[open]") === null;

export function DropAnywhere() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const brings = (event: DragEvent) =>
      isFree() && (event.dataTransfer?.types ?? []).some((type) => type === "Files" || type === "text/uri-list");
    const settle = () => {
      depth = 0;
      setOver(false);
    };
    const stop = new AbortController();
    const {signal} = stop;
    const on = <T extends keyof WindowEventMap>(type: T, handle: (event: WindowEventMap[T]) => void) =>
      addEventListener(type, handle, {signal});
    on("dragenter", (event) => {
      if (!brings(event)) return;
      if (depth === 0) expectPicture();
      depth += 1;
      setOver(true);
    });
    on("dragleave", (event) => {
      if (brings(event) && --depth <= 0) settle();
    });
    on("dragover", (event) => event.preventDefault());
    on("drop", (event) => {
      event.preventDefault();
      settle();
      if (isFree() && event.dataTransfer) takeDropped(event.dataTransfer);
    });
    on("paste", (event) => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea");
      const data = event.clipboardData;
      if (!data || !isFree() || (typing && data.files.length === 0)) return;
      if (takeTransfer(data)) event.preventDefault();
    });
    return () => stop.abort();
  }, []);
  if (!over) return null;
  return (
    <div class="drop-veil" aria-hidden="true">
      <p>
        <Icon name="file" />
        {texts.value.empty.dropNow}
      </p>
    </div>
  );
}
