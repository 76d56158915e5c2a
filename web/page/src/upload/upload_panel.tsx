/** Pictures are dropped or chosen here to be added; each says how far it is. */

import {useState} from "preact/hooks";

import {Dialog} from "../components/dialog";
import {FileButton} from "../components/file_button";
import {Icon} from "../components/icons";
import {isTouched} from "../components/touch";
import {formatShare, sentences, texts} from "../i18n/language";
import {adviceOf} from "../i18n/said";
import {filesOf} from "../search/dropped";
import {isPicture} from "../search/taking";
import {panel} from "../state/panels";
import {askFrom, collection, collectionName} from "../state/service";
import {add, cancel, clearSettled, dismiss, isSettled, type Item, items, retry} from "./uploads";

export function UploadPanel() {
  const {upload: t} = texts.value;
  return (
    <Dialog heading={t.heading} onClose={() => (panel.value = null)} kind="drawer">
      <p>{t.intro(collectionName.value)}</p>
      <DropPlace />
      <ul class="uploads">
        {items.value.map((item) => (
          <Line key={item.number} item={item} />
        ))}
      </ul>
      {items.value.some(isSettled) && (
        <div class="row end">
          <button type="button" class="small quiet" onClick={clearSettled}>
            {t.clear}
          </button>
        </div>
      )}
    </Dialog>
  );
}

function DropPlace() {
  const {upload: t} = texts.value;
  const none = adviceOf("not_a_picture");
  const [over, setOver] = useState(false);
  const [refused, setRefused] = useState<"all" | "some" | null>(null);
  const take = (files: readonly File[], into = collection.value) => {
    const pictures = files.filter(isPicture);
    setRefused(pictures.length === 0 ? "all" : pictures.length < files.length ? "some" : null);
    if (into) add(pictures, into);
  };
  const drop = (data: DataTransfer) => {
    const into = collection.value;
    filesOf(data).then((files) => take(files, into), () => setRefused("all"));
  };
  return (
    <>
      <div
        class={over ? "drop-place over" : "drop-place"}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer) drop(event.dataTransfer);
        }}
      >
        <Icon name="upload" />
        <p>{isTouched ? t.dropTouch : t.drop}</p>
        <FileButton class="primary" label={t.choose} several onFiles={take}>
          {t.choose}
        </FileButton>
      </div>
      {refused && (
        <p class="hint bad" role="alert">
          {refused === "all" ? sentences(none.what, none.now) : t.othersPassedOver}
        </p>
      )}
    </>
  );
}

function Line({item}: {item: Item}) {
  const {upload: t} = texts.value;
  const {file, stage, share, why, imageId} = item;
  const advice = why && adviceOf(why.code, why.values);
  const moving = stage === "sending" || stage === "preparing";
  const findable = imageId && stage !== "quarantined" && stage !== "failed" && stage !== "queued";
  return (
    <li class={`upload ${stage}`}>
      <p class="upload-name" title={file.name}>
        {file.name}
      </p>
      <p class="upload-state">
        {t.states[stage]}
        {stage === "sending" && ` · ${formatShare(share, 0)}`}
      </p>
      {moving && <progress value={share} max={1} aria-label={t.progress(file.name)} />}
      {advice && (
        <p class="hint bad">{sentences(advice.what, advice.now)}</p>
      )}
      <div class="row">
        {findable && (
          <button type="button" class="small" onClick={() => find(item)}>
            {t.find}
          </button>
        )}
        {(moving || stage === "waiting") && (
          <button type="button" class="small quiet" onClick={() => cancel(item)}>
            {t.cancel}
          </button>
        )}
        {isRefused(item) && (
          <>
            <button type="button" class="small quiet" onClick={() => retry(item)}>
              {t.retry}
            </button>
            <button type="button" class="small quiet" aria-label={t.dismissOne(file.name)} onClick={() => dismiss(item)}>
              {t.dismiss}
            </button>
          </>
        )}
      </div>
    </li>
  );
}

/** What did not get in: it can be tried again, or put aside. */
function isRefused({stage}: Item): boolean {
  return stage === "failed" || stage === "cancelled" || stage === "quarantined" || stage === "expired";
}

function find({imageId, collection: into}: Item): void {
  panel.value = null;
  askFrom(imageId, into);
}
