/** The chosen collection is not there, or not for whoever asks, or cannot be opened: why, and which others there are. */

import {sentences, texts} from "../i18n/language";
import {adviceOf} from "../i18n/said";
import {NOTHING_ASKED} from "../state/question";
import {ask, question} from "../state/route";
import {collectionName, collections, connect, connected, facts, fault} from "../state/service";
import {Icon} from "./icons";

export function LackingCollection() {
  const {lacking: t, empty, problem} = texts.value;
  if (!connected.value || facts.value || !collectionName.value) return null;
  const name = collectionName.value;
  return (
    <section class="problem" role="alert">
      <Icon name="alert" />
      <div>
        <h2>{fault.value ? t.notOpened(name) : t.notThere(name)}</h2>
        {fault.value && <p>{sentences(adviceOf(fault.value.code, fault.value.values).what, t.mend)}</p>}
        {collections.value.length > 0 && <p>{t.choose}</p>}
        {collections.value.length === 0 && !fault.value && <p>{empty.noCollections}</p>}
        <div class="row">
          {collections.value.map(({name}) => (
            <button key={name} type="button" onClick={() => changeCollection(name)}>
              {name}
            </button>
          ))}
          {fault.value && (
            <button type="button" class="quiet" onClick={() => void connect()}>
              {problem.retry}
            </button>
          )}
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
