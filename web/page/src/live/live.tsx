/** The camera, and beside it what looks like what it sees. */

import {useEffect, useRef, useState} from "preact/hooks";

import {type Hit, Problem} from "../../../client";
import {Dialog} from "../components/dialog";
import {PlaceSwitch} from "../components/settings";
import {Thumbnail} from "../components/thumbnail";
import {formatNumber, named, sentences, texts} from "../i18n/language";
import {adviceOf} from "../i18n/said";
import {takeFiles} from "../search/taking";
import {panel} from "../state/panels";
import {where} from "../state/preferences";
import {askFor} from "../state/route";
import {collection, facts} from "../state/service";
import {type CameraTrouble, openCamera, shoot, stopCamera} from "./camera";
import {LiveSession} from "./stream_session";

const RATES = [1, 2, 5, 10, 15];
const USUAL_RATE = 5;
const NONE = "–";
const FROZEN = {most: 2048, quality: 0.92};

export function Live() {
  const {live: t, results, problem} = texts.value;
  const video = useRef<HTMLVideoElement>(null);
  const [running, setRunning] = useState(true);
  const [fps, setFps] = useState(USUAL_RATE);
  const [maySend, setMaySend] = useState(false);
  const {session, trouble} = useLiveSession(video, running, fps, maySend);
  useEffect(() => {
    if (trouble) setRunning(false);
  }, [trouble]);
  const freeze = async () => {
    const frame = await shoot(video.current!, FROZEN);
    panel.value = null;
    await takeFiles([frame]);
  };
  return (
    <Dialog heading={t.heading} onClose={() => (panel.value = null)} kind="wide">
      <div class="live">
        <div class="live-sight">
          <div class="viewfinder">
            <video ref={video} playsInline muted aria-label={t.video} />
            {trouble && (
              <p class="over" role="alert">
                {t[trouble]}
              </p>
            )}
            {session?.likeNothing.value && <p class="caption">{results.nothingLikeIt}</p>}
          </div>
          {session && <LiveHits hits={session.hits.value} />}
        </div>
        <div class="live-controls">
          <div class="row">
            <button type="button" class={running ? "" : "primary"} onClick={() => setRunning(!running)}>
              {running ? t.stop : trouble ? problem.retry : t.start}
            </button>
            <button type="button" class="primary" disabled={!running || !session} onClick={() => void freeze()}>
              {t.freeze}
            </button>
            <label class="chooser">
              <span class="chooser-name">{t.fps}</span>
              <select value={String(fps)} onChange={(event) => setFps(Number(event.currentTarget.value))}>
                {RATES.map((rate) => (
                  <option key={rate} value={String(rate)}>
                    {rate}
                  </option>
                ))}
              </select>
            </label>
          </div>
          {session && session.framesNeeded.value !== null && (
            <FramesOffer reason={session.framesNeeded.value()} onSend={() => setMaySend(true)} />
          )}
          <PlaceSwitch name="where-live" intro={t.frames} />
          {session && <Figures session={session} />}
        </div>
      </div>
    </Dialog>
  );
}

/** The camera and its stream, for as long as it runs; begun anew where the place of the vector changes. */
function useLiveSession(video: {current: HTMLVideoElement | null}, running: boolean, fps: number, maySend: boolean) {
  const [session, setSession] = useState<LiveSession | null>(null);
  const [trouble, setTrouble] = useState<CameraTrouble | null>(null);
  const from = collection.value;
  const place = where.value;
  useEffect(() => {
    if (!running || !from) return;
    const shown = video.current!;
    const control = new AbortController();
    let begun: LiveSession | null = null;
    setTrouble(null);
    openCamera(shown, control.signal).then(() => {
      if (control.signal.aborted) return;
      begun = new LiveSession({collection: from, model: facts.value?.model ?? "", where: place, maySend, fps, video: shown});
      setSession(begun);
    }, (error: CameraTrouble) => control.signal.aborted || setTrouble(error));
    return () => {
      control.abort();
      begun?.close();
      stopCamera(shown);
      setSession(null);
    };
  }, [running, from?.name, place, maySend]);
  useEffect(() => session?.setFps(fps), [fps]);
  return {session, trouble};
}

/** No vectors here, and the frames were to stay: sending them is offered, for as long as the panel is open. */
function FramesOffer({reason, onSend}: {reason: string; onSend: () => void}) {
  const {live: t, offer} = texts.value;
  return (
    <section class="offer" role="alert">
      <div>
        <p>{t.stayed}</p>
        <p class="hint">{sentences(offer.reason, reason)}</p>
        <button type="button" onClick={onSend}>
          {t.send}
        </button>
      </div>
    </section>
  );
}

function Figures({session}: {session: LiveSession}) {
  const {live: t, status} = texts.value;
  const {state, sent, answered, dropped, roundTripMs, place, why, problem} = session;
  const states = {connecting: t.states.connecting, ready: t.states.open, waiting: t.states.waiting, closed: t.states.closed};
  const where = {browser: status.whereBrowser, server: status.whereServer, opening: "…"}[place.value];
  return (
    <>
      <dl class="figures">
        <Figure name={t.sent} value={sent.value ? formatNumber(sent.value) : NONE} />
        <Figure name={t.answered} value={sent.value ? formatNumber(answered.value) : NONE} />
        <Figure name={t.dropped} value={sent.value ? formatNumber(dropped.value) : NONE} />
        <Figure name={t.roundTrip} value={roundTripMs.value === null ? NONE : status.ms(formatNumber(roundTripMs.value))} />
      </dl>
      <p class="hint" role="status">
        {states[state.value]} · {named(status.where, where)}
      </p>
      {why.value && <p class="hint">{why.value()}</p>}
      {problem.value && (
        <p class="hint bad" role="alert">
          {saidOf(problem.value)}
        </p>
      )}
    </>
  );
}

function saidOf(error: Error): string {
  const {what, now} = error instanceof Problem ? adviceOf(error.code, error.values) : adviceOf("page");
  return sentences(what, now);
}

function Figure({name, value}: {name: string; value: string}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

function LiveHits({hits}: {hits: readonly Hit[]}) {
  const {live: t, card} = texts.value;
  const from = (id: string) => {
    panel.value = null;
    askFor({kind: "id", id});
  };
  return (
    <section class="live-hits" aria-label={t.hits}>
      {hits.length === 0 && <p class="note">{t.waiting}</p>}
      <ul>
        {hits.map((hit) => (
          <li key={hit.id}>
            <button
              type="button"
              class="picture"
              aria-label={card.searchFrom(hit.name || card.unnamed, formatNumber(hit.similarity, 3))}
              onClick={() => from(hit.id)}
            >
              <Thumbnail id={hit.id} alt="" />
            </button>
            <span class="number">{formatNumber(hit.similarity, 3)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
