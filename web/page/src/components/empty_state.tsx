/** Before the first search: an invitation, and some pictures of the collection to start from. */

import {useEffect, useState} from "preact/hooks";

import type {ImageFacts} from "../../../client";
import {texts} from "../i18n/language";
import {whileWanted} from "../search/latest";
import {askFor} from "../state/route";
import {collection, collectionName, connected, facts} from "../state/service";
import {explain} from "../state/trouble";
import {isTouched} from "./touch";
import {Thumbnail} from "./thumbnail";
import {PlaceSwitch} from "./settings";
import {WaysIn} from "./ways_in";

const SHOWN = 12;

export function EmptyState() {
  const {empty} = texts.value;
  return (
    <section class="empty" id="results" aria-labelledby="invitation">
      <div class="invitation">
        <div class="frames" aria-hidden="true">
          <i />
          <i />
          <i />
        </div>
        <h1 id="invitation">{empty.heading}</h1>
        <p>{isTouched ? empty.invitationTouch : empty.invitation}</p>
        <WaysIn />
        <PlaceSwitch name="where-first" />
      </div>
      <Beginnings />
    </section>
  );
}

function Beginnings() {
  const {empty, card} = texts.value;
  const pictures = useSomePictures();
  if (connected.value && !collectionName.value) return <p class="hint">{empty.noCollections}</p>;
  if (facts.value?.images === 0) return <p class="hint">{empty.noPictures}</p>;
  if (pictures.length === 0) return null;
  return (
    <section class="beginnings" aria-labelledby="beginnings">
      <h2 id="beginnings">{empty.orStart}</h2>
      <ul>
        {pictures.map((picture) => (
          <li key={picture.id}>
            <button type="button" class="picture" onClick={() => askFor({kind: "id", id: picture.id})}>
              <Thumbnail id={picture.id} alt={picture.name || card.unnamed} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function useSomePictures(): readonly ImageFacts[] {
  const [pictures, setPictures] = useState<readonly ImageFacts[]>([]);
  const current = collection.value;
  const count = facts.value?.images ?? 0;
  useEffect(() => setPictures([]), [current]);
  // After an upload, those that are there stay until others come.
  useEffect(() => {
    if (!current || count === 0) return;
    const control = new AbortController();
    whileWanted(current.images({limit: SHOWN, spread: true, signal: control.signal}), control.signal)
      .then(({data}) => setPictures(data))
      .catch((error: unknown) => explain(error));
    return () => control.abort();
  }, [current, count]);
  return pictures;
}
