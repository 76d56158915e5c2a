/** Asks for a key or token where the service wants one. */

import {texts} from "../i18n/language";
import {credentialWanted, keepCredential} from "../state/credential";
import {connect, connected} from "../state/service";
import {afterSigningIn, credentialRefused, putOffSigningIn} from "../state/trouble";
import {Dialog} from "./dialog";

export function Credential() {
  const t = texts.value.credential;
  const close = () => putOffSigningIn(() => void connect());
  return (
    <Dialog heading={t.heading} onClose={close}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const given = String(new FormData(event.currentTarget).get("credential") ?? "").trim();
          if (given) signIn(given);
        }}
      >
        <p>{t.explain}</p>
        <label class="field">
          <span>{t.label}</span>
          <input name="credential" type="password" autoComplete="off" spellcheck={false} required autoFocus />
        </label>
        {credentialRefused.value && (
          <p class="hint bad" role="alert">
            {t.wrong}
          </p>
        )}
        <div class="row end">
          <button type="submit" class="primary">
            {t.submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function signIn(given: string): void {
  keepCredential(given);
  credentialWanted.value = false;
  const next = afterSigningIn.value;
  afterSigningIn.value = null;
  if (connected.value && next) next();
  else void connect();
}
