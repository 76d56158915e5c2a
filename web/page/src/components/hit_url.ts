import {useEffect, useState} from "preact/hooks";

import type {CollectionClient, Hit} from "../../../client";

/** Formats that every browser shows; of others the service's JPEG is taken. */
const SHOWABLE = /^(jpe?g|png|webp|gif|bmp)$/i;
const LARGEST_BYTES = 20_000_000;
const SIDE = 1024;

/** An object URL of a hit of a collection, as large as it can be had; null until it is there. */
export function useHitUrl(hit: Hit, from: CollectionClient): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const control = new AbortController();
    const {signal} = control;
    let made = "";
    const whole = SHOWABLE.test(hit.format) && hit.size_bytes <= LARGEST_BYTES;
    (whole ? from.file(hit.id, {signal}) : from.thumbnail(hit.id, SIDE, {signal}))
      .catch(() => from.thumbnail(hit.id, SIDE, {signal}))
      .then(
        (blob) => {
          if (signal.aborted) return;
          made = URL.createObjectURL(blob);
          setUrl(made);
        },
        // The picture has gone meanwhile: its facts remain.
        () => undefined,
      );
    return () => {
      control.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [hit.id, from.name]);
  return url;
}
