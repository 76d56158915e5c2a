/** The left side: the picture, what is mixed in, how to search, how it was answered. */

import {useEffect, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {answer, isOld, pictureLost} from "../search/answer";
import {collection} from "../state/service";
import type {CollectionClient} from "../../../client";
import {findPicture} from "../state/pictures";
import type {Source} from "../state/question";
import {where} from "../state/preferences";
import {question} from "../state/route";
import {CropBox} from "./crop_box";
import {Icon} from "./icons";
import {Mixture} from "./mixture";
import {Status} from "./status";
import {OtherWaysIn} from "./ways_in";

export function QueryPanel() {
  const {source: t} = texts.value;
  return (
    <aside class="query" aria-labelledby="query-heading">
      <div class="query-picture">
        <h2 id="query-heading" class="unseen">
          {t.heading}
        </h2>
        <QueryPicture />
        <OtherWaysIn />
      </div>
      <Mixture />
      <Status />
    </aside>
  );
}

function QueryPicture() {
  const {source: t} = texts.value;
  const {source} = question.value;
  const url = useQueryUrl(source, pictureLost.value);
  if (pictureLost.value) return <p class="note warn">{t.lost}</p>;
  if (source.kind === "none") return <p class="note">{t.mixture}</p>;
  if (source.kind === "url") {
    return (
      <p class="note from-url">
        <Icon name="link" />
        <span>
          {t.fromUrl} <span class="address">{source.url}</span>
        </span>
      </p>
    );
  }
  return (
    <>
      {url ? <CropBox url={url} /> : <div class="query-waiting" />}
      {source.kind === "picture" && <p class="hint">{wordsOnSending()}</p>}
      {source.kind === "id" && <p class="hint">{t.ofCollection}</p>}
    </>
  );
}

/** Whether this picture was sent for the answer that is shown; before there is one, what is done with it. */
function wordsOnSending(): string {
  const {source: t, settings} = texts.value;
  const shown = answer.value;
  if (!shown || isOld.value) return settings.means[where.value];
  return shown.sentPicture ? t.wasSent : t.stayedHere;
}

/** An object URL of the picture that is searched with; null until it is there. */
export function useQueryUrl(source: Source, lost: boolean): string | null {
  const [url, setUrl] = useState<string | null>(null);
  const current = collection.value;
  const name = source.kind === "picture" ? source.key : source.kind === "id" ? source.id : "";
  useEffect(() => {
    setUrl(null);
    if (lost || !name) return;
    const control = new AbortController();
    let made = "";
    blobOf(source, current, control.signal).then(
      (blob) => {
        if (!blob || control.signal.aborted) return;
        made = URL.createObjectURL(blob);
        setUrl(made);
      },
      // The search says what is wrong with it; a placeholder stands here.
      () => undefined,
    );
    return () => {
      control.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [source.kind, name, current?.name, lost]);
  return url;
}

const SIDE = 1024;

async function blobOf(source: Source, from: CollectionClient | null, signal: AbortSignal): Promise<Blob | null> {
  if (source.kind === "picture") return (await findPicture(source.key))?.blob ?? null;
  return source.kind === "id" && from ? await from.thumbnail(source.id, SIDE, {signal}) : null;
}

