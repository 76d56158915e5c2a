/** What would need the picture itself: offered, with what it means, and done only when the person says so. */

import {sentences, texts} from "../i18n/language";
import {answer, askAgain, isOld, pictureNeeded} from "../search/answer";
import {sendForReranking} from "../search/reranking";
import {allowSending} from "../search/sending";
import {question} from "../state/route";
import {reranker} from "../state/service";
import {Icon} from "./icons";

/** There is no answer without the picture: this browser could not work out its vector. */
export function VectorOffer() {
  const t = texts.value.offer;
  const needed = pictureNeeded.value;
  const {source} = question.value;
  if (!needed || source.kind !== "picture") return null;
  const send = () => {
    allowSending(source.key);
    askAgain();
  };
  return (
    <section class="offer" role="alert">
      <Icon name="alert" />
      <div>
        <h2>{t.vectorHeading}</h2>
        <p>{t.vectorStayed}</p>
        {needed.reason && (
          <p class="hint">{sentences(t.reason, needed.reason())}</p>
        )}
        <p id="vector-offer">{t.means}</p>
        <div class="row">
          <button type="button" class="primary" aria-describedby="vector-offer" onClick={send}>
            {t.send}
          </button>
          <button type="button" onClick={askAgain}>
            {t.tryHere}
          </button>
        </div>
      </div>
    </section>
  );
}

/** The first answer is close, and the finer model would have to see the picture. */
export function RerankOffer() {
  const t = texts.value.offer;
  if (answer.value?.reranking !== "offered" || isOld.value || !reranker.value) return null;
  return (
    <section class="offer quiet-offer" aria-labelledby="rerank-offer">
      <Icon name="alert" />
      <div>
        <h2 id="rerank-offer">{t.rerankHeading}</h2>
        <p id="rerank-offer-means">{sentences(t.rerankStayed(reranker.value), t.means)}</p>
        <div class="row">
          <button type="button" aria-describedby="rerank-offer-means" onClick={sendForReranking}>
            {t.send}
          </button>
        </div>
      </div>
    </section>
  );
}
