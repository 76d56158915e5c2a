/** A native modal dialog: it keeps the focus inside, Escape closes it, and the focus returns to where it was. */

import type {ComponentChildren} from "preact";
import {useEffect, useId, useRef} from "preact/hooks";

import {texts} from "../i18n/language";
import {Icon} from "./icons";

type Props = {
  heading: string;
  onClose: () => void;
  children: ComponentChildren;
  kind?: "small" | "wide" | "drawer";
};

export function Dialog({heading, onClose, children, kind = "small"}: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useId();
  useEffect(() => {
    const before = document.activeElement;
    const shown = dialog.current!;
    shown.showModal();
    return () => {
      shown.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog dialog-${kind}`}
      aria-labelledby={name}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={name}>{heading}</h2>
          <button type="button" class="quiet round" onClick={onClose} aria-label={texts.value.close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
