/** The picture that is searched with, and the box on it: by mouse, finger or keyboard. */

import {useEffect, useRef, useState} from "preact/hooks";

import {named, texts} from "../i18n/language";
import {between, type Corner, FIRST, grown, moved, opposite, type Point, settled, WHOLE} from "../state/crop_moves";
import type {Crop} from "../state/question";
import {ask, question} from "../state/route";
import {Icon} from "./icons";

const CORNERS: readonly Corner[] = ["nw", "ne", "sw", "se"];
const STEP = 0.02;
const LEAST_DRAG_PX = 6;
const SETTLES_MS = 350;

type Drag = {kind: "draw"; from: Point} | {kind: "move"; from: Point; start: Crop};

export function CropBox({url}: {url: string}) {
  const t = texts.value.crop;
  const stage = useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = useState<Crop | null>(null);
  const [unseen, setUnseen] = useState(false);
  const box = drawn ?? question.value.crop;
  const keys = useKeys(box, setDrawn);
  const drags = useDrags(stage, box, setDrawn);
  useEffect(() => setUnseen(false), [url]);
  const percent = (share: number) => Math.round(share * 100);
  const words = box ? t.value(percent(box.x), percent(box.y), percent(box.width), percent(box.height)) : t.all;
  return (
    <div class="cropping">
      <div
        ref={stage}
        class={box ? "crop-stage cropped" : "crop-stage"}
        role="application"
        tabIndex={0}
        aria-label={named(t.label, words)}
        aria-describedby="crop-help"
        onKeyDown={keys}
        {...drags}
      >
        {unseen ? (
          <span class="no-thumbnail">{texts.value.card.noThumbnail}</span>
        ) : (
          <img src={url} alt={texts.value.source.altQuery} draggable={false} onError={() => setUnseen(true)} />
        )}
        {box && (
          <div class="crop-box" style={placeOf(box)}>
            {CORNERS.map((corner) => (
              <i key={corner} class={`corner ${corner}`} data-corner={corner} />
            ))}
          </div>
        )}
      </div>
      <div class="row crop-row">
        {(box || !unseen) && (
          <button type="button" class="small quiet" onClick={() => commit(box ? WHOLE : FIRST)}>
            <Icon name="crop" />
            {box ? t.all : t.on}
          </button>
        )}
        <p id="crop-help" class="hint crop-help">
          {t.help}
        </p>
      </div>
    </div>
  );
}

function commit(crop: Crop): void {
  ask({crop: settled(crop)});
}

function placeOf(box: Crop) {
  const percent = (share: number) => `${share * 100}%`;
  return {left: percent(box.x), top: percent(box.y), width: percent(box.width), height: percent(box.height)};
}

/** Arrows move, Shift and arrows size, Escape takes all; the search follows when the keys rest. */
function useKeys(box: Crop | null, setDrawn: (crop: Crop | null) => void) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // Of what was moved before it is not asked any more once another part is, such as by going back.
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      setDrawn(null);
    },
    [question.value.crop],
  );
  return (event: KeyboardEvent) => {
    if (event.key === "Escape" && box) {
      clearTimeout(timer.current);
      setDrawn(null);
      return commit(WHOLE);
    }
    const [dx, dy] = STEPS[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const next = box ? (event.shiftKey ? grown(box, dx, dy) : moved(box, dx, dy)) : FIRST;
    setDrawn(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setDrawn(null);
      commit(next);
    }, SETTLES_MS);
  };
}

const STEPS: {[key: string]: [number, number]} = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
};

/** Drawing a new box, moving it, or drawing a corner. A finger draws no new box, for it must be able to scroll. */
function useDrags(stage: {current: HTMLDivElement | null}, box: Crop | null, setDrawn: (crop: Crop | null) => void) {
  const drag = useRef<Drag | null>(null);
  const latest = useRef<Crop | null>(null);
  const pointOf = (event: PointerEvent): Point => {
    const {left, top, width, height} = stage.current!.getBoundingClientRect();
    return {x: (event.clientX - left) / width, y: (event.clientY - top) / height};
  };
  const farEnough = (from: Point, to: Point) => {
    const {width, height} = stage.current!.getBoundingClientRect();
    return Math.hypot((to.x - from.x) * width, (to.y - from.y) * height) >= LEAST_DRAG_PX;
  };
  const end = () => {
    const crop = latest.current;
    drag.current = null;
    latest.current = null;
    setDrawn(null);
    if (crop) commit(crop);
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      const at = event.target instanceof HTMLElement ? event.target : null;
      drag.current = beginning(at, box, pointOf(event), event.pointerType);
      if (!drag.current) return;
      stage.current!.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      const going = drag.current;
      if (!going) return;
      const point = pointOf(event);
      if (!latest.current && !farEnough(going.from, point)) return;
      latest.current =
        going.kind === "move"
          ? moved(going.start, point.x - going.from.x, point.y - going.from.y)
          : between(going.from, point);
      setDrawn(latest.current);
    },
    onPointerUp: end,
    onPointerCancel: end,
  };
}

function beginning(at: HTMLElement | null, box: Crop | null, from: Point, pointer: string): Drag | null {
  const corner = at?.dataset["corner"] as Corner | undefined;
  if (box && corner) return {kind: "draw", from: opposite(box, corner)};
  if (box && at?.classList.contains("crop-box")) return {kind: "move", from, start: box};
  return pointer === "touch" ? null : {kind: "draw", from};
}
