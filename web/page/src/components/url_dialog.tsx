import {useState} from "preact/hooks";

import {sentences, texts} from "../i18n/language";
import {adviceOf} from "../i18n/said";
import {takeUrl} from "../search/taking";
import {panel} from "../state/panels";
import {Dialog} from "./dialog";

export function UrlDialog() {
  const {source, empty} = texts.value;
  const [wrong, setWrong] = useState<ReturnType<typeof takeUrl>>(null);
  const advice = wrong && adviceOf(wrong);
  const close = () => (panel.value = null);
  const submit = (form: HTMLFormElement) => {
    const found = takeUrl(String(new FormData(form).get("url") ?? ""));
    setWrong(found);
    if (!found) close();
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
          <input name="url" type="url" placeholder="https://" autoFocus aria-invalid={wrong !== null} aria-describedby="url-hint" />
        </label>
        <p id="url-hint" class={wrong ? "hint bad" : "hint"} role={wrong ? "alert" : undefined}>
          {advice ? sentences(advice.what, advice.now) : source.urlHint}
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
