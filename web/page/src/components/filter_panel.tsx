/** The filter as a form, or as JSON for what the form cannot say. What the service says of it is shown above. */

import {useEffect, useState} from "preact/hooks";

import {texts} from "../i18n/language";
import {wordFor} from "../i18n/said";
import {askedTwice, jsonToRows, OPERATORS, type Operator, type Place, readRaw, type Row, rowsToJson} from "../state/filter";
import type {FilterJson} from "../state/question";
import {ask, question} from "../state/route";
import {facts, refreshFacts} from "../state/service";
import {Icon} from "./icons";

const EMPTY: Row = {field: "", operator: "eq", value: ""};

export function FilterPanel() {
  const {filter: t} = texts.value;
  const {filter} = question.value;
  const [asJson, setAsJson] = useState(jsonToRows(filter) === null);
  useEffect(() => void refreshFacts(), []); // for the fields, which may be others by now
  return (
    <section class="filter-panel" aria-label={t.heading}>
      <div class="row tabs" role="group" aria-label={t.heading}>
        <button type="button" class="small" aria-pressed={!asJson} onClick={() => setAsJson(false)}>
          {t.asForm}
        </button>
        <button type="button" class="small" aria-pressed={asJson} onClick={() => setAsJson(true)}>
          {t.asJson}
        </button>
      </div>
      {asJson ? <JsonForm filter={filter} /> : <RowsForm filter={filter} />}
    </section>
  );
}

function RowsForm({filter}: {filter: FilterJson | null}) {
  const {filter: t} = texts.value;
  const known = jsonToRows(filter);
  const [rows, setRows] = useState<readonly Row[]>(known?.length ? known : [EMPTY]);
  const [twice, setTwice] = useState<Row | null>(null);
  useEffect(() => setRows(known?.length ? known : [EMPTY]), [JSON.stringify(filter)]);
  if (!known) return <p class="hint">{t.tooRich}</p>;
  const change = (place: number, part: Partial<Row>) =>
    setRows(rows.map((row, at) => (at === place ? {...row, ...part} : row)));
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const found = askedTwice(rows);
        setTwice(found);
        if (!found) ask({filter: rowsToJson(rows)});
      }}
    >
      <datalist id="fields">
        {facts.value?.fields.map((field) => (
          <option key={field} value={field} label={wordFor("fields", field)} />
        ))}
      </datalist>
      {rows.map((row, place) => (
        <RowFields
          key={place}
          row={row}
          onChange={(part) => change(place, part)}
          onRemove={() => setRows(rows.length > 1 ? rows.filter((_, at) => at !== place) : [EMPTY])}
        />
      ))}
      {twice && (
        <p class="hint bad" role="alert">
          {t.twice(twice.field, t.operators[twice.operator])}
        </p>
      )}
      <div class="row">
        <button type="button" class="small quiet" onClick={() => setRows([...rows, EMPTY])}>
          <Icon name="plus" />
          {t.add}
        </button>
        <span class="grow" />
        <ClearButton />
        <button type="submit" class="primary small">
          {t.apply}
        </button>
      </div>
    </form>
  );
}

type RowProps = {row: Row; onChange: (part: Partial<Row>) => void; onRemove: () => void};

function RowFields({row, onChange, onRemove}: RowProps) {
  const {filter: t} = texts.value;
  return (
    <div class="condition">
      <input
        list="fields"
        aria-label={t.field}
        placeholder={t.field}
        value={row.field}
        onInput={(event) => onChange({field: event.currentTarget.value})}
      />
      <select
        aria-label={t.operator}
        value={row.operator}
        onChange={(event) => onChange({operator: event.currentTarget.value as Operator})}
      >
        {(Object.keys(OPERATORS) as Operator[]).map((operator) => (
          <option key={operator} value={operator}>
            {t.operators[operator]}
          </option>
        ))}
      </select>
      {OPERATORS[row.operator] === "truth" ? (
        <select aria-label={t.value} value={row.value || "true"} onChange={(event) => onChange({value: event.currentTarget.value})}>
          <option value="true">{t.yes}</option>
          <option value="false">{t.no}</option>
        </select>
      ) : (
        <input
          aria-label={t.value}
          placeholder={OPERATORS[row.operator] === "list" ? t.listHint : t.value}
          value={row.value}
          onInput={(event) => onChange({value: event.currentTarget.value})}
        />
      )}
      <button type="button" class="quiet round small" aria-label={t.remove} title={t.remove} onClick={onRemove}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function JsonForm({filter}: {filter: FilterJson | null}) {
  const {filter: t} = texts.value;
  const [text, setText] = useState("");
  const [unreadable, setUnreadable] = useState<{at: Place | null} | null>(null);
  useEffect(() => setText(filter ? JSON.stringify(filter, null, 2) : ""), [JSON.stringify(filter)]);
  const submit = () => {
    const read = readRaw(text);
    setUnreadable("unreadable" in read ? {at: read.unreadable} : null);
    if ("filter" in read) ask({filter: read.filter});
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea
        aria-label={t.json}
        aria-invalid={unreadable !== null}
        rows={5}
        spellcheck={false}
        placeholder={'{"width": {"gte": 800}, "or": [{"label": {"eq": "cat"}}, {"label": {"exists": false}}]}'}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {unreadable && (
        <p class="hint bad" role="alert">
          {unreadable.at ? t.unreadableAt(unreadable.at.line, unreadable.at.column) : t.unreadable}
        </p>
      )}
      <div class="row end">
        <ClearButton />
        <button type="submit" class="primary small">
          {t.apply}
        </button>
      </div>
    </form>
  );
}

function ClearButton() {
  if (!question.value.filter) return null;
  return (
    <button type="button" class="small quiet" onClick={() => ask({filter: null})}>
      {texts.value.filter.clear}
    </button>
  );
}
