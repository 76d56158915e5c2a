/** How the answer came about: model, place of the vector, exact or not, and the time that each stage took. */

import {formatNumber, named, sentences, texts} from "../i18n/language";
import {sayAll, wordFor} from "../i18n/said";
import {type Answer, answer} from "../search/answer";
import {type Stage, stagesOf} from "../search/stages";
import {modelName} from "../state/service";
import {Settings} from "./settings";

export function Status() {
  const {status: t} = texts.value;
  const shown = answer.value;
  return (
    <details class="status" open={matchMedia("(min-width: 60rem)").matches}>
      <summary>
        <h2>{t.heading}</h2>
      </summary>
      <Settings />
      {shown ? <Account shown={shown} /> : <p class="hint">{t.notYet}</p>}
    </details>
  );
}

function Account({shown}: {shown: Answer}) {
  const {status: t} = texts.value;
  const {reply, reranking} = shown;
  return (
    <>
      <dl class="facts">
        <Fact name={t.model} value={modelName(reply.model)} title={reply.model} />
        <Fact name={t.where} value={whereOf(shown)} />
        <Fact name={t.exact} value={reply.exact ? t.isExact : t.isApproximate} mark={reply.exact ? "good" : "fair"} />
        <Fact name={t.plan} value={planOf(shown)} />
        {reply.total_matching > 0 && <Fact name={t.scanned} value={comparedOf(shown)} />}
        {reranking !== "off" && <Fact name={t.reranking} value={rerankingOf(reranking)} />}
      </dl>
      <Stages shown={shown} />
    </>
  );
}

function Fact({name, value, title, mark}: {name: string; value: string; title?: string; mark?: string}) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd title={title} class={mark}>
        {value}
      </dd>
    </div>
  );
}

function planOf({reply}: Answer): string {
  const plan = sayAll("plans", reply.plan_steps, reply.plan);
  return reply.cached ? texts.value.status.fromCache(plan) : plan;
}

/** The picture that is searched with may be compared as well, though it is left out of what could be shown. */
function comparedOf({reply: {scanned, total_matching}}: Answer): string {
  return texts.value.status.of(formatNumber(scanned), formatNumber(Math.max(scanned, total_matching)));
}

function whereOf({how}: Answer): string {
  const {status: t, settings} = texts.value;
  if (how.where === "stored") return t.whereStored;
  if (how.meanwhile) return `${t.whereServer} · ${settings.meanwhile}`;
  if (how.where === "server") return how.fellBack ? `${t.whereServer} · ${sentences(settings.fellBack, how.fellBack())}` : t.whereServer;
  const {backend, whys} = how.vector!;
  return `${t.whereBrowser} · ${wordFor("backends", backend)} · ${sayAll("whys", whys)}`;
}

function rerankingOf(reranking: Exclude<Answer["reranking"], "off">): string {
  const {status: t} = texts.value;
  const words = {
    first: t.rerankFirst,
    reranked: t.rerankDone,
    offered: t.rerankOffered,
    looking: t.rerankLooking,
    failed: t.rerankFailed,
    unknown: t.rerankUnknown,
  };
  return words[reranking];
}

function Stages({shown}: {shown: Answer}) {
  const {status: t} = texts.value;
  const stages = stagesOf(shown);
  const longest = Math.max(...stages.map(({ms}) => ms), 0.001);
  const totalMs = stages.reduce((sum, {ms}) => sum + ms, 0);
  const known = shown.how.vector && !shown.how.vector.timings;
  return (
    <table class="stages">
      <caption>{t.stages}</caption>
      <tbody>
        {stages.filter(isSeen).map((stage) => (
          <StageRow key={`${stage.place}-${stage.name}`} stage={stage} longest={longest} />
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">{known ? t.totalKnown : t.total}</th>
          <td />
          <td>{formatNumber(totalMs, 1)}</td>
        </tr>
      </tfoot>
    </table>
  );
}

/** Whether it took any time that is shown. */
function isSeen({ms}: Stage): boolean {
  return ms >= 0.05;
}

function StageRow({stage, longest}: {stage: Stage; longest: number}) {
  const {status: t} = texts.value;
  const names: {[name: string]: string} = t.stage;
  return (
    <tr class={stage.place}>
      <th scope="row">
        {stage.place === "network" ? t.stage.network : named(stage.place === "browser" ? t.browser : t.service, names[stage.name] ?? wordFor("stages", stage.name))}
      </th>
      <td class="stage-bar" aria-hidden="true">
        <i style={{width: `${(stage.ms / longest) * 100}%`}} />
      </td>
      <td>{formatNumber(stage.ms, 1)}</td>
    </tr>
  );
}
