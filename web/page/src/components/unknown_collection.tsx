/** The address names a collection that is not there, or not for whoever asks: which ones there are. */

import {texts} from "../i18n/language";
import {NOTHING_ASKED} from "../state/question";
import {ask, question} from "../state/route";
import {collectionName, collections, connected, facts} from "../state/service";
import {Icon} from "./icons";

export function UnknownCollection() {
  const t = texts.value.noCollection;
  if (!connected.value || facts.value || !collectionName.value) return null;
  return (
    <section class="problem" role="alert">
      <Icon name="alert" />
      <div>
        <h2>{t.heading(collectionName.value)}</h2>
        <p>{collections.value.length ? t.choose : texts.value.empty.noCollections}</p>
        <div class="row">
          {collections.value.map(({name}) => (
            <button key={name} type="button" onClick={() => changeCollection(name)}>
              {name}
            </button>
          ))}
        </div>
      </div>
    </section>
  );
}

/**
 * Ids belong to a collection; a picture or an address can be searched for in another one, too. An id beside the name of one
 * that is not there may be of any.
 */
export function changeCollection(collection: string): void {
  const isOfAnother = question.value.source.kind === "id" && facts.value !== null;
  ask({collection, more: [], less: [], filter: null, ...(isOfAnother ? {source: NOTHING_ASKED.source, crop: null} : {})});
}
