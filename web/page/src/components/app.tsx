/** The page: bar, question, results, and whichever dialog is open. */

import {Camera} from "./camera";
import {Compare} from "./compare";
import {CompareTray} from "./compare_tray";
import {Credential} from "./credential";
import {DropAnywhere} from "./drop_anywhere";
import {EmptyState} from "./empty_state";
import {LackingCollection} from "./lacking_collection";
import {Live} from "../live/live";
import {Problem} from "./problem";
import {QueryPanel} from "./query_panel";
import {Results} from "./results";
import {TopBar} from "./top_bar";
import {UploadPanel} from "../upload/upload_panel";
import {UrlDialog} from "./url_dialog";
import {texts} from "../i18n/language";
import {comparing} from "../state/comparison";
import {announcement, notice, panel} from "../state/panels";
import {credentialWanted} from "../state/credential";
import {isAsking} from "../search/answer";

export function App() {
  return (
    <>
      <a class="skip" href="#results">
        {texts.value.skipToResults}
      </a>
      <TopBar />
      <main class={isAsking.value ? "workspace" : "welcome"}>
        <Problem />
        <LackingCollection />
        {isAsking.value ? (
          <>
            <QueryPanel />
            <Results />
          </>
        ) : (
          <EmptyState />
        )}
      </main>
      <CompareTray />
      <DropAnywhere />
      {panel.value === "upload" && <UploadPanel />}
      {panel.value === "live" && <Live />}
      {panel.value === "camera" && <Camera />}
      {panel.value === "url" && <UrlDialog />}
      {comparing.value && <Compare />}
      {credentialWanted.value && <Credential />}
      <div class="notices" role="status">
        {notice.value && <p class="notice">{notice.value}</p>}
      </div>
      <p class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </>
  );
}
