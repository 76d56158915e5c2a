/** A small picture, fetched when it comes near the window. */

import {useEffect, useRef, useState} from "preact/hooks";

import {knownThumbnail, thumbnailUrl, tries} from "../search/thumbnails";
import type {CollectionClient} from "../../../client";
import {collection} from "../state/service";
import {texts} from "../i18n/language";

const NEAR = "400px";

type Props = {id: string; alt: string; side?: number; from?: CollectionClient};

/** `from`: the collection that it is a picture of; the one of now where it is not said. */
export function Thumbnail({id, alt, side = 320, from}: Props) {
  const place = useRef<HTMLSpanElement>(null);
  const source = from ?? collection.value;
  const [url, setUrl] = useState(source ? knownThumbnail(source.name, id, side) : undefined);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    setFailed(false);
    const known = source ? knownThumbnail(source.name, id, side) : undefined;
    setUrl(known);
    if (!source || known) return;
    const control = new AbortController();
    const fetchIt = () =>
      thumbnailUrl(source, id, side, control.signal)
        .then((found) => control.signal.aborted || setUrl(found))
        .catch(() => control.signal.aborted || setFailed(true));
    const watcher = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        watcher.disconnect();
        void fetchIt();
      },
      {rootMargin: NEAR},
    );
    watcher.observe(place.current!);
    return () => {
      watcher.disconnect();
      control.abort();
    };
  }, [source?.name, id, side, tries.value]);
  return (
    <span ref={place} class={url || failed ? "thumbnail" : "thumbnail loading"}>
      {url && !failed && <img src={url} alt={alt} draggable={false} onError={() => setFailed(true)} />}
      {failed && <span class="no-thumbnail">{texts.value.card.noThumbnail}</span>}
      {(!url || failed) && <span class="unseen">{alt}</span>}
    </span>
  );
}
