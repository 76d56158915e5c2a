/** Take a photo with this device's camera, to search with. */

import {useEffect, useRef, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {type CameraTrouble, openCamera, shoot, stopCamera} from "../live/camera";
import {takeFiles} from "../search/taking";
import {expectPicture} from "../search/warming";
import {panel} from "../state/panels";
import {Dialog} from "./dialog";
import {FileButton} from "./file_button";

export function Camera() {
  const {camera, live, empty, problem} = texts.value;
  const video = useRef<HTMLVideoElement>(null);
  const [ready, setReady] = useState(false);
  const [tries, setTries] = useState(1);
  const [trouble, setTrouble] = useState<CameraTrouble | null>(null);
  const close = () => (panel.value = null);
  useEffect(() => {
    const shown = video.current!;
    const control = new AbortController();
    expectPicture();
    setTrouble(null);
    openCamera(shown, control.signal).then(
      () => control.signal.aborted || setReady(true),
      (error: CameraTrouble) => control.signal.aborted || setTrouble(error),
    );
    return () => {
      control.abort();
      stopCamera(shown);
    };
  }, [tries]);
  const take = async () => {
    const photo = await shoot(video.current!, {most: 2048, quality: 0.92});
    close();
    await takeFiles([photo]);
  };
  return (
    <Dialog heading={camera.heading} onClose={close} kind="wide">
      <div class="viewfinder">
        <video ref={video} playsInline muted aria-label={live.video} />
        {trouble && (
          <p class="over" role="alert">
            {live[trouble]}
          </p>
        )}
      </div>
      <div class="row end">
        {trouble && (
          <button type="button" onClick={() => setTries(tries + 1)}>
            {problem.retry}
          </button>
        )}
        {trouble && (
          <FileButton label={empty.file} onFiles={(files) => (close(), void takeFiles(files))}>
            {empty.file}
          </FileButton>
        )}
        <button type="button" class="quiet" onClick={close}>
          {camera.cancel}
        </button>
        <button type="button" class="primary" disabled={!ready} onClick={() => void take()}>
          {camera.shoot}
        </button>
      </div>
    </Dialog>
  );
}
