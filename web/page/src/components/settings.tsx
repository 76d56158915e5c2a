/** Where the vector is computed, and whether a finer model looks again. */

import {sentences, texts} from "../i18n/language";
import {sayFetching} from "../i18n/said";
import {fetched} from "../search/browser";
import {forgetOwnPictures} from "../search/forgetting";
import {expectPicture} from "../search/warming";
import {type Where, where, reranks} from "../state/preferences";
import {reranker} from "../state/service";

const PLACES: readonly Where[] = ["auto", "browser", "server"];

export function Settings() {
  const {settings: t} = texts.value;
  return (
    <section class="settings" aria-label={t.heading}>
      <PlaceSwitch name="where" />
      {reranker.value && (
        <label class="switch">
          <input type="checkbox" checked={reranks.value} onChange={(event) => (reranks.value = event.currentTarget.checked)} />
          <span>
            {t.reranks}
            <small>{t.reranksHint(reranker.value)}</small>
          </span>
        </label>
      )}
      <Fetching />
      <Forget />
    </section>
  );
}

/** `intro`: before the words on what the choice means. */
export function PlaceSwitch({name, intro = ""}: {name: string; intro?: string}) {
  const {settings: t} = texts.value;
  return (
    <div class="place">
      <fieldset class="segments" aria-describedby={`${name}-means`}>
        <legend>{t.where}</legend>
        {PLACES.map((place) => (
          <label key={place}>
            <input
              type="radio"
              name={name}
              value={place}
              checked={where.value === place}
              onChange={() => choosePlace(place)}
            />
            <span>{place === "auto" ? t.autoShort : place === "browser" ? t.browserShort : t.serverShort}</span>
          </label>
        ))}
      </fieldset>
      <p class="hint" id={`${name}-means`}>
        {sentences(intro, t.means[where.value])}
      </p>
    </div>
  );
}

function choosePlace(place: Where): void {
  where.value = place;
  if (place === "browser") expectPicture();
}

/** What is kept of the person's pictures, and how it goes. */
function Forget() {
  const {settings: t} = texts.value;
  return (
    <div class="forget">
      <p class="hint">{t.kept}</p>
      <button type="button" class="small" onClick={() => void forgetOwnPictures()}>
        {t.forget}
      </button>
    </div>
  );
}

function Fetching() {
  const share = fetched.value;
  if (share === null) return null;
  const words = sayFetching(share);
  return (
    <p class="fetching">
      <progress value={share} max={1} aria-label={words} />
      <span class="hint">{words}</span>
    </p>
  );
}
