/** What went wrong, in words of this page, and what to do about it. */

import {useEffect, useRef, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {adviceOf, sayFault} from "../i18n/said";
import {type Trouble as What, trouble} from "../state/trouble";
import {Icon} from "./icons";

export function Problem() {
  const {heading} = texts.value.problem;
  if (!trouble.value) return null;
  return <Trouble shown={trouble.value} heading={heading} onClose={() => (trouble.value = null)} comesIntoView />;
}

type Props = {shown: What; heading: string; onClose: () => void; comesIntoView?: boolean};

/** One thing that went wrong; where it stands, its `onClose` takes it away. `comesIntoView`: it is what the person waits for. */
export function Trouble({shown, heading, onClose, comesIntoView = false}: Props) {
  const t = texts.value;
  const {what, now} = adviceOf(shown.code, shown.values);
  const place = useRef<HTMLElement>(null);
  // It may stand above or below what is seen.
  useEffect(() => {
    if (comesIntoView) place.current!.scrollIntoView({block: "nearest"});
  }, [shown]);
  return (
    <section ref={place} class="problem" role="alert">
      <Icon name="alert" />
      <div>
        <h2>{heading}</h2>
        <p>{what}</p>
        {shown.errors.length > 0 && (
          <ul>
            {shown.errors.map(({where, code, values}) => (
              <li key={where}>
                <code>{where}</code> {sayFault(code, values)}
              </li>
            ))}
          </ul>
        )}
        <p>{now}</p>
        {shown.requestId && (
          <p class="hint">
            {t.problem.request} <code>{shown.requestId}</code>
          </p>
        )}
        <div class="row">
          {shown.retry && <Retry trouble={shown} retry={shown.retry} onClose={onClose} />}
          <button type="button" class="quiet" onClick={onClose}>
            {t.problem.dismiss}
          </button>
        </div>
      </div>
    </section>
  );
}

/** Can be pressed once the pause that the service asked for is over. */
function Retry({trouble: shown, retry, onClose}: {trouble: What; retry: () => void; onClose: () => void}) {
  const {problem, bar} = texts.value;
  const [left, setLeft] = useState(Math.ceil(shown.retryAfterS ?? 0));
  useEffect(() => {
    setLeft(Math.ceil(shown.retryAfterS ?? 0));
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1000);
    return () => clearInterval(timer);
  }, [shown]);
  const again = () => {
    onClose();
    retry();
  };
  return (
    <button type="button" class="primary" disabled={left > 0} onClick={again}>
      {left > 0 ? problem.waitAndRetry(left) : shown.code === "not_authenticated" ? bar.signIn : problem.retry}
    </button>
  );
}
