/** The ways in which a picture comes in, as buttons. */

import {texts} from "../i18n/language";
import {takeClipboard, takeFiles} from "../search/taking";
import {panel} from "../state/panels";
import {FileButton} from "./file_button";
import {Icon} from "./icons";

export function WaysIn() {
  const {empty, source} = texts.value;
  return (
    <div class="ways">
      <FileButton class="primary" label={empty.file} onFiles={(files) => void takeFiles(files)}>
        <Icon name="file" />
        {empty.file}
      </FileButton>
      <button type="button" onClick={() => (panel.value = "camera")}>
        <Icon name="camera" />
        {empty.camera}
      </button>
      <button type="button" onClick={() => (panel.value = "url")}>
        <Icon name="link" />
        {empty.url}
      </button>
      <button type="button" onClick={() => void takeClipboard()}>
        <Icon name="paste" />
        {source.paste}
      </button>
      <button type="button" onClick={() => (panel.value = "live")}>
        <Icon name="live" />
        {empty.live}
      </button>
    </div>
  );
}

/** The same for a page that has a picture already: small, without words. */
export function OtherWaysIn() {
  const {empty, source} = texts.value;
  return (
    <div class="ways-small" role="group" aria-label={source.another}>
      <FileButton class="small" label={empty.file} onFiles={(files) => void takeFiles(files)}>
        <Icon name="file" />
        {source.another}
      </FileButton>
      <IconButton label={empty.camera} icon="camera" onClick={() => (panel.value = "camera")} />
      <IconButton label={empty.url} icon="link" onClick={() => (panel.value = "url")} />
      <IconButton label={source.paste} icon="paste" onClick={() => void takeClipboard()} />
    </div>
  );
}

function IconButton({label, icon, onClick}: {label: string; icon: "camera" | "link" | "paste"; onClick: () => void}) {
  return (
    <button type="button" class="small round" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
