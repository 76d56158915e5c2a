/** Two pictures side by side, magnified and moved in step. */

import {useEffect, useRef, useState} from "preact/hooks";

import {formatNumber, texts} from "../i18n/language";
import {chooseNone, chosen, type Subject} from "../state/comparison";
import {question} from "../state/route";
import {ALL, MOST_SCALE, panned, type View, zoomed} from "../state/view";
import {Dialog} from "./dialog";
import {HitFacts} from "./hit_facts";
import {Icon} from "./icons";
import {useHitUrl} from "./hit_url";
import {useQueryUrl} from "./query_panel";

const CLOSER = 1.25;
const STEP = 0.08;

export function Compare() {
  const {compare: t} = texts.value;
  const [view, setView] = useState<View>(ALL);
  const keys = (event: KeyboardEvent) => {
    const next = viewAfter(view, event.key);
    if (!next || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setView(next);
  };
  return (
    <Dialog heading={t.heading} onClose={chooseNone} kind="wide">
      <div class="row compare-tools">
        <button type="button" class="round" aria-label={t.zoomOut} title={t.zoomOut} onClick={() => setView(zoomed(view, 1 / CLOSER))}>
          <Icon name="zoomOut" />
        </button>
        <input
          type="range"
          min={1}
          max={MOST_SCALE}
          step={0.1}
          value={view.scale}
          aria-label={t.zoom}
          onInput={(event) => setView(zoomed(view, Number(event.currentTarget.value) / view.scale))}
        />
        <button type="button" class="round" aria-label={t.zoomIn} title={t.zoomIn} onClick={() => setView(zoomed(view, CLOSER))}>
          <Icon name="zoomIn" />
        </button>
        <output class="number">{formatNumber(view.scale, 1)}×</output>
        <button type="button" class="small quiet" onClick={() => setView(ALL)}>
          {t.reset}
        </button>
      </div>
      <div class="panes" role="application" tabIndex={0} aria-label={t.heading} aria-describedby="compare-help" onKeyDown={keys}>
        {chosen.value.map((subject, side) => (
          <Side key={side} subject={subject} view={view} onView={setView} />
        ))}
      </div>
      <p id="compare-help" class="hint">
        {t.help}
      </p>
      <div class="pane-facts">
        {chosen.value.map((subject, side) =>
          subject.kind === "hit" ? <HitFacts key={side} hit={subject.hit} /> : <p key={side}>{t.yours}</p>,
        )}
      </div>
    </Dialog>
  );
}

function viewAfter(view: View, key: string): View | null {
  const moves: {[key: string]: [number, number]} = {
    ArrowLeft: [STEP, 0],
    ArrowRight: [-STEP, 0],
    ArrowUp: [0, STEP],
    ArrowDown: [0, -STEP],
  };
  const move = moves[key];
  if (move) return panned(view, ...move);
  if (key === "+" || key === "=") return zoomed(view, CLOSER);
  if (key === "-") return zoomed(view, 1 / CLOSER);
  return key === "0" ? ALL : null;
}

type SideProps = {subject: Subject; view: View; onView: (change: (view: View) => View) => void};

function Side(props: SideProps) {
  return props.subject.kind === "hit" ? <HitSide {...props} subject={props.subject} /> : <QuerySide {...props} />;
}

function HitSide({subject, ...pane}: SideProps & {subject: Extract<Subject, {kind: "hit"}>}) {
  return <Pane url={useHitUrl(subject.hit, subject.from)} alt={subject.hit.name || texts.value.card.unnamed} {...pane} />;
}

function QuerySide({subject: _, ...pane}: SideProps) {
  return <Pane url={useQueryUrl(question.value.source, false)} alt={texts.value.compare.yours} {...pane} />;
}

type PaneProps = Omit<SideProps, "subject"> & {url: string | null; alt: string};

function Pane({url, alt, view, onView}: PaneProps) {
  const pane = useRef<HTMLDivElement>(null);
  const from = useRef<{x: number; y: number} | null>(null);
  useEffect(() => {
    // Preact listens passively to wheels; this one keeps the page from scrolling.
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const {left, top, width, height} = pane.current!.getBoundingClientRect();
      const at = {x: (event.clientX - left) / width, y: (event.clientY - top) / height};
      onView((now) => zoomed(now, Math.exp(-event.deltaY / 400), at));
    };
    const shown = pane.current!;
    shown.addEventListener("wheel", wheel, {passive: false});
    return () => shown.removeEventListener("wheel", wheel);
  }, []);
  const move = (event: PointerEvent) => {
    if (!from.current) return;
    const {width, height} = pane.current!.getBoundingClientRect();
    const [dx, dy] = [(event.clientX - from.current.x) / width, (event.clientY - from.current.y) / height];
    from.current = {x: event.clientX, y: event.clientY};
    onView((now) => panned(now, dx, dy));
  };
  const shift = (share: number) => `${(0.5 - share) * 100}%`;
  return (
    <div
      ref={pane}
      class="pane"
      onPointerDown={(event) => {
        from.current = {x: event.clientX, y: event.clientY};
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={move}
      onPointerUp={() => (from.current = null)}
      onPointerCancel={() => (from.current = null)}
    >
      {url && (
        <img
          src={url}
          alt={alt}
          draggable={false}
          style={{transform: `scale(${view.scale}) translate(${shift(view.x)}, ${shift(view.y)})`}}
        />
      )}
    </div>
  );
}
