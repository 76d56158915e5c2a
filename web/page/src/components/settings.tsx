/** Where the vector is computed, and whether a finer model looks again. */

import {texts} from "../i18n/language";
import {fetched} from "../search/browser";
import {type Where, where, tiered} from "../state/preferences";
import {finer} from "../state/service";

const PLACES: readonly Where[] = ["auto", "browser", "server"];

export function Settings() {
  const {settings: t} = texts.value;
  return (
    <section class="settings" aria-label={t.heading}>
      <PlaceSwitch name="where" />
      {finer.value && (
        <label class="switch">
          <input type="checkbox" checked={tiered.value} onChange={(event) => (tiered.value = event.currentTarget.checked)} />
          <span>
            {t.tiered}
            <small>{t.tieredHint(finer.value)}</small>
          </span>
        </label>
      )}
      <Fetching />
    </section>
  );
}

export function PlaceSwitch({name}: {name: string}) {
  const {settings: t} = texts.value;
  return (
    <fieldset class="segments">
      <legend>{t.where}</legend>
      {PLACES.map((place) => (
        <label key={place} title={place === "auto" ? t.autoHint : undefined}>
          <input
            type="radio"
            name={name}
            value={place}
            checked={where.value === place}
            onChange={() => (where.value = place)}
          />
          <span>{place === "auto" ? t.autoShort : place === "browser" ? t.browserShort : t.serverShort}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Fetching() {
  const share = fetched.value;
  if (share === null) return null;
  const words = texts.value.status.loading(Math.floor(share * 100));
  return (
    <p class="fetching">
      <progress value={share} max={1} aria-label={words} />
      <span class="hint">{words}</span>
    </p>
  );
}
