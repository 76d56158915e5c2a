/** A button that opens the system's choice of pictures. */

import type {ComponentChildren} from "preact";
import {useRef} from "preact/hooks";

import {expectPicture} from "../search/warming";

type Props = {
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
  class?: string;
  several?: boolean;
  label: string;
};

export function FileButton({onFiles, children, class: name = "", several = false, label}: Props) {
  const input = useRef<HTMLInputElement>(null);
  const open = () => {
    expectPicture();
    input.current?.click();
  };
  return (
    <>
      <button type="button" class={name} onClick={open}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        class="file-input"
        accept="image/*"
        multiple={several}
        tabIndex={-1}
        aria-label={label}
        hidden
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = "";
          if (files.length) onFiles(files);
        }}
      />
    </>
  );
}
