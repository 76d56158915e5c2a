import {type Language, language, LANGUAGES, named, texts} from "../i18n/language";
import {credential, keepCredential} from "../state/credential";
import {panel} from "../state/panels";
import {type Theme, theme} from "../state/preferences";
import {speak, startAgain} from "../state/route";
import {collectionName, collections, isListed, mayWrite, unreadable} from "../state/service";
import {Icon, type IconName, Logo} from "./icons";
import {changeCollection} from "./lacking_collection";

const THEME_ICONS: {[one in Theme]: IconName} = {auto: "system", light: "sun", dark: "moon"};
const NEXT_THEME: {[one in Theme]: Theme} = {auto: "light", light: "dark", dark: "auto"};

export function TopBar() {
  const t = texts.value;
  return (
    <header class="bar">
      <button type="button" class="brand" onClick={() => startAgain()} title={t.bar.home}>
        <Logo />
        <span>{t.name}</span>
      </button>
      <CollectionChooser />
      <div class="bar-actions">
        {mayWrite.value && (
          <button type="button" class="quiet" onClick={() => (panel.value = "upload")} disabled={!collectionName.value}>
            <Icon name="upload" />
            <span class="wide-only">{t.bar.upload}</span>
            <span class="unseen narrow-only">{t.bar.upload}</span>
          </button>
        )}
        <button type="button" class="quiet" onClick={() => (panel.value = "live")} disabled={!collectionName.value}>
          <Icon name="live" />
          <span class="wide-only">{t.bar.live}</span>
          <span class="unseen narrow-only">{t.bar.live}</span>
        </button>
        <LanguageChooser />
        <ThemeButton />
        {credential.value && (
          <button type="button" class="quiet round" onClick={signOut} aria-label={t.bar.signOut} title={t.bar.signOut}>
            <Icon name="out" />
          </button>
        )}
      </div>
    </header>
  );
}

function CollectionChooser() {
  const {bar, lacking} = texts.value;
  if (collections.value.length + unreadable.value.length === 0) return null;
  return (
    <label class="chooser">
      <span class="unseen">{bar.collection}</span>
      <select value={collectionName.value} onChange={(event) => changeCollection(event.currentTarget.value)}>
        {!isListed.value && <option value={collectionName.value}>{collectionName.value}</option>}
        {collections.value.map(({name}) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
        {unreadable.value.map(({name}) => (
          <option key={name} value={name}>
            {lacking.inList(name)}
          </option>
        ))}
      </select>
    </label>
  );
}

function LanguageChooser() {
  return (
    <label class="chooser language">
      <span class="unseen">{texts.value.bar.language}</span>
      <Icon name="globe" />
      <select value={language.value} onChange={(event) => speak(event.currentTarget.value as Language)}>
        {Object.entries(LANGUAGES).map(([code, {name, tag}]) => (
          <option key={code} value={code} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function ThemeButton() {
  const {theme: label, themes} = texts.value.bar;
  const words = named(label, themes[theme.value]);
  return (
    <button
      type="button"
      class="quiet round theme"
      onClick={() => (theme.value = NEXT_THEME[theme.value])}
      aria-label={words}
      title={words}
    >
      <Icon name={THEME_ICONS[theme.value]} />
    </button>
  );
}

/** With a new load of the page, all goes that was shown to whoever signs out. */
function signOut(): void {
  keepCredential(null);
  startAgain();
  location.reload();
}
