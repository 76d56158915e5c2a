import {useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {takeUrl} from "../search/taking";
import {panel} from "../state/panels";
import {Dialog} from "./dialog";

export function UrlDialog() {
  const {source, empty} = texts.value;
  const [refused, setRefused] = useState(false);
  const close = () => (panel.value = null);
  const submit = (form: HTMLFormElement) => {
    if (takeUrl(String(new FormData(form).get("url") ?? ""))) close();
    else setRefused(true);
  };
  return (
    <Dialog heading={empty.url} onClose={close}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit(event.currentTarget);
        }}
      >
        <label class="field">
          <span>{source.url}</span>
          <input name="url" type="url" placeholder="https://" autoFocus aria-invalid={refused} aria-describedby="url-hint" />
        </label>
        <p id="url-hint" class={refused ? "hint bad" : "hint"} role={refused ? "alert" : undefined}>
          {refused ? source.badUrl : source.urlHint}
        </p>
        <div class="row end">
          <button type="submit" class="primary">
            {source.urlSearch}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
