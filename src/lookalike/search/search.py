"""Search: from a query to ranked pictures, with an account of how they were found."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from lookalike.catalog.base import MAIN, KeptPicture
from lookalike.catalog.dateless import count_left_out_for_no_date
from lookalike.core.errors import BadQuery, LookalikeError
from lookalike.core.filters import Filter
from lookalike.core.records import Neighbours
from lookalike.core.saying import PlanCode
from lookalike.core.vectors import Pixels, Vectors
from lookalike.core.wording import Words, remarks_of, words_of
from lookalike.index.base import Selection, check_wanted
from lookalike.parts.answer_cache import Question
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply, with_own_metadata
from lookalike.search.hits import hits_of
from lookalike.search.reranking import Reranked, Reranker, reorder
from lookalike.search.selecting import Selected, keep_shown, select
from lookalike.search.sureness import DEPTH as SURE_DEPTH
from lookalike.search.sureness import is_sure
from lookalike.search.timings import Timings
from lookalike.view.candidates import Found, find_grouped, single_candidates
from lookalike.view.confidence import Pairs
from lookalike.view.facts import IndexFacts
from lookalike.view.nearness import DEPTH as NEARNESS_DEPTH
from lookalike.view.nearness import has_nothing_like_it

if TYPE_CHECKING:
    from lookalike.search.fusion import Weight

_ATTEMPTS = 5

PATIENCE_S = 1.0
"""So long a search waits for others that take changes into the index; then it is answered by the index as it is."""


class Query(NamedTuple):
    """What is searched for.

    Attributes:
        vectors: by name of the model (`main`: the collection's own), shape (1, D), float32; all that the mixture names.
        pixels: shape (H, W, 3), uint8 RGB: the picture itself, for reranking; None where there is not one
            picture.
    """

    vectors: Mapping[str, Vectors]
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a search is to give.

    Attributes:
        k: how many hits.
        where: what a picture must be.
        recall: the share of the true nearest that is wanted; None for what the collection is set to, 1 for all.
        grouped: near-identical pictures count as one.
        mixture: models and their weights; empty for the collection's own model alone.
        rerank: looks at the best again; None for none.
        min_confidence: hits of less are left out, 0 to 1; None for none. Where confidence is not known, none are.
        without: key of a picture that is passed over, such as that of the query itself; None for none.
    """

    k: int = 10
    where: Filter = field(default_factory=Filter.everything)
    recall: float | None = None
    grouped: bool = False
    mixture: tuple[Weight, ...] = ()
    rerank: Reranker | None = None
    min_confidence: float | None = None
    without: int | None = None


class Looked(NamedTuple):
    """What a look at the index gives.

    Attributes:
        facts: of the index.
        total: how many pictures pass the filter.
        found: the candidates.
        pictures: what the catalog knows of the best of them, by key; None where it was not asked yet.
    """

    facts: IndexFacts
    total: int
    found: Found
    pictures: Mapping[int, KeptPicture] | None = None


Ahead = Callable[[tuple[Hashable, ...]], Looked | None]
"""Gives what was looked up already for a version of the collection; None where that has to be done."""


def search(query: Query, parts: Parts, *, wanted: Wanted, timings: Timings, ahead: Ahead | None = None) -> Reply:
    """Find the k pictures nearest to a query: cache, filter, candidates, reranking, hits.

    Args:
        query: its vectors, and its picture where that is needed.
        parts: the collection.
        wanted: how many of what.
        timings: goes on counting.
        ahead: looks up several queries together; see `lookalike.search.search_many`.
    Returns:
        exactly k hits if k pictures (or groups) pass the filter, else all that do; fewer with a least confidence.
    Raises:
        BadQuery: when k is less than 1, the recall or the least confidence is no share, reranking has no picture
            to look at, or a least confidence is wanted of a mixture.
    """
    _check(query, wanted)
    question = None
    if wanted.rerank is None:  # which looks at files, of whose changes the catalog does not know
        with timings.stage("cache"):  # asked for the version before it is looked at: no answer is older than that
            question = _question(query, parts, wanted)
            known = parts.answers.get(question)
        if known is not None:
            return replace(with_own_metadata(known), timings_ms=timings.finish(), cached=True)
    is_current = _refresh(parts, timings)
    if question is not None and parts.view.generation != question.version[1]:
        question = _question(query, parts, wanted)  # the index was made anew, and perhaps a projection put for it
        is_current = _refresh(parts, timings)
    for attempt in range(_ATTEMPTS):
        with timings.stage("search"):
            looked = ahead(question.version) if ahead is not None and question is not None and not attempt else None
        looked = looked or _look_up(query, parts, wanted, timings)
        reply = _reply(looked, query, parts, wanted, timings)
        if reply is not None:
            if question is not None and is_current:  # else others may get a better one
                _keep(reply, question, parts)
            return reply
        with timings.stage("refresh"):
            parts.view.refresh()  # what was removed must be gone
    raise LookalikeError(
        f"expected a collection that stays as it is for one search, but it changed {_ATTEMPTS} times meanwhile; "
        "search again"
    )


def _check(query: Query, wanted: Wanted) -> None:
    check_wanted(wanted.k, wanted.recall)
    _check_confidence(wanted)
    if wanted.rerank is not None and query.pixels is None:
        raise BadQuery(
            "reranking needs a query of one picture, got a sum of pictures or a vector; leave the reranker "
            "out, or search for one picture"
        )


def _keep(reply: Reply, question: Question, parts: Parts) -> None:
    kept = with_own_metadata(reply)
    question = replace(question, version=(question.version[0], parts.view.generation))  # as it may be again by now
    parts.answers.put(question, kept, _about_bytes(kept))


def _about_bytes(reply: Reply) -> int:
    """What a reply takes in memory: measured with `held_bytes` it is 3 kB and 1.2 kB a hit without metadata."""
    metadata = sum(len(repr(hit.metadata)) for hit in reply.hits if hit.metadata)
    return 3_000 + sum(1_200 + len(hit.path or "") + 120 * len(hit.group) for hit in reply.hits) + 8 * metadata


def _refresh(parts: Parts, timings: Timings) -> bool:
    """Whether the index is up to date with the catalog; see `PATIENCE_S`."""
    with timings.stage("refresh"):
        return parts.view.refresh(within_s=PATIENCE_S)


def _look_up(query: Query, parts: Parts, wanted: Wanted, timings: Timings) -> Looked:
    """The candidates, as many as `depth_of` says where there are so many."""
    facts = parts.view.facts()
    with timings.stage("filter"):
        those = select(wanted.where, parts, count=facts.count, without=wanted.without, as_keys=bool(wanted.mixture))
    depth = depth_of(wanted, facts)
    with timings.stage("search"):
        if wanted.grouped or wanted.mixture:
            return Looked(facts, those.total, _find(query, parts, wanted, those, depth=depth))
        k, without = min(depth, max(those.total, 1)), _key_to_pass_over(wanted, those)
        found = parts.view.search(
            query.vectors[MAIN], k + int(without is not None), among=those.among, recall=wanted.recall
        )
        return Looked(facts, those.total, single_candidates(_without(without, found, k=k)))


def _reply(looked: Looked, query: Query, parts: Parts, wanted: Wanted, timings: Timings) -> Reply | None:
    """What is told of what was found; None where a picture was removed meanwhile, so that fewer are left."""
    facts, found, total = looked.facts, looked.found, looked.total
    with timings.stage("search"):
        pairs = None if wanted.mixture else parts.confidences.pairs(parts.catalog, parts.view, count=facts.count)
    whole = wanted.grouped or len(found.candidates) >= min(wanted.k, total)
    sure = _sure(found, wanted, facts)
    with timings.stage("search"):
        nothing_like_it = _is_nothing_like_it(query, found, parts, wanted)
    found = _confident(found, pairs, wanted.min_confidence)
    due = min(wanted.k, len(found.candidates))
    reranked: list[Reranked] = []
    if wanted.rerank is not None:
        with timings.stage("rerank"):
            found, reranked = _rerank(query, parts, wanted.rerank, found)
    with timings.stage("fetch"):
        hits = hits_of(
            found.candidates[: wanted.k], reranked, parts, wanted.where, pairs=pairs, pictures=looked.pictures
        )
    if not whole or len(hits) != due:
        return None
    return Reply(
        hits=tuple(hits),
        plan=_plan(found, wanted, total, confidence_known=pairs is not None),
        exact=found.exact,
        scanned=found.scanned,
        total_matching=total,
        timings_ms=timings.finish(),
        model=_mixture_text(wanted) or parts.catalog.model_id,
        index=facts,
        sure=sure,
        nothing_like_it=nothing_like_it,
        without_date=count_left_out_for_no_date(wanted.where, parts.catalog),
    )


def _question(query: Query, parts: Parts, wanted: Wanted) -> Question:
    return Question(
        version=(parts.catalog.version(), parts.view.generation),
        vector=b"".join(vector.tobytes() for vector in query.vectors.values()),
        model=_mixture_text(wanted),
        where=str(wanted.where) if wanted.where else "",
        k=wanted.k,
        recall=wanted.recall,
        collapse="group" if wanted.grouped else "none",
        others=(wanted.min_confidence, wanted.without),
    )


def depth_of(wanted: Wanted, facts: IndexFacts) -> int:
    """How many candidates to look for: k, or as many as reranking looks at or a word on the answer takes.

    For a word on sureness an approximate index would have to work more, and be held to the recall of more
    than are asked for.
    """
    if wanted.rerank is not None:
        return max(wanted.k, wanted.rerank.depth)
    is_cheap = facts.recall == 1 and facts.projection_learnt_from and not wanted.mixture and not wanted.grouped
    return max(wanted.k, SURE_DEPTH if is_cheap else NEARNESS_DEPTH)


def _sure(found: Found, wanted: Wanted, facts: IndexFacts) -> bool | None:
    if wanted.rerank is not None or wanted.mixture:
        return None
    return is_sure([one.similarity for one in found.candidates], projected=facts.projection_learnt_from > 0)


def _is_nothing_like_it(query: Query, found: Found, parts: Parts, wanted: Wanted) -> bool | None:
    if wanted.mixture:
        return None
    return has_nothing_like_it(query.vectors[MAIN], found.candidates, parts.view.nearness(), parts.catalog)


def _find(query: Query, parts: Parts, wanted: Wanted, those: Selected, *, depth: int) -> Found:
    """Candidates by several models, or of which groups count once."""
    without = _key_to_pass_over(wanted, those)

    def nearest(k: int) -> Neighbours:
        due = min(k, max(those.total, 1))
        found = _nearest(query, parts, wanted, due + int(without is not None), among=those.among)
        return _without(without, found, k=due)

    if not wanted.grouped:
        return single_candidates(nearest(depth))
    groups = parts.view.groups()
    shown = None if those.among is None else partial(keep_shown, among=those.among, parts=parts)
    return find_grouped(depth, search=nearest, labels=groups.labels, members=groups.members, shown=shown)


def _nearest(query: Query, parts: Parts, wanted: Wanted, k: int, *, among: Selection) -> Neighbours:
    if not wanted.mixture:
        return parts.view.search(query.vectors[MAIN], k, among=among, recall=wanted.recall)
    from lookalike.search.fusion import EXACT_UP_TO, fuse  # which most searches do not need
    from lookalike.search.fusion_sources import sources

    by_model = sources(parts.catalog, parts.view, query.vectors, recall=wanted.recall)
    keys = parts.catalog.select(among) if isinstance(among, Filter) else among
    exact_up_to = EXACT_UP_TO if wanted.recall != 1 else parts.catalog.facts().images
    return fuse(by_model, wanted.mixture, parts.catalog, k=k, among=keys, exact_up_to=exact_up_to)


def _key_to_pass_over(wanted: Wanted, those: Selected) -> int | None:
    """The key that is to be passed over in an answer; keys that are searched among have it no more."""
    is_gone = those.among is not None and not isinstance(those.among, Filter)
    return None if is_gone else wanted.without


def _without(key: int | None, found: Neighbours, *, k: int) -> Neighbours:
    """The best k of an answer to one query, but for one key."""
    if key is None:
        return found
    kept = found.keys[0] != key
    return found._replace(keys=found.keys[:, kept][:, :k], similarities=found.similarities[:, kept][:, :k])


def _check_confidence(wanted: Wanted) -> None:
    least = wanted.min_confidence
    if least is None:
        return
    if not 0 <= least <= 1:
        raise BadQuery(f"expected a least confidence from 0 to 1, got {least:g}; leave it out to see all answers")
    if wanted.mixture:
        raise BadQuery(
            "a least confidence needs the collection's own model alone, but others were asked, too: leave "
            "the other models or it away"
        )


def _confident(found: Found, pairs: Pairs | None, least: float | None) -> Found:
    """Without the candidates of less than that confidence; all where nothing is known of it."""
    if pairs is None or least is None:
        return found
    confidences = pairs.confidences([one.similarity for one in found.candidates])
    kept = [one for one, confidence in zip(found.candidates, confidences, strict=True) if confidence >= least]
    return found._replace(candidates=kept)


def _rerank(query: Query, parts: Parts, reranker: Reranker, found: Found) -> tuple[Found, list[Reranked]]:
    """The best candidates in the order of reranking, the others behind them as before; what the reranker says.

    It looks at as many for any k, so that who asks for more finds what they had, in the order in which they had it.
    """
    if query.pixels is None:
        raise BadQuery(
            "reranking needs a query of one picture, got a sum of pictures or a vector; leave the reranker "
            "out, or search for one picture"
        )
    ids = parts.catalog.ids([one.key for one in found.candidates])
    there = [one for one in found.candidates if one.key in ids]
    best, others = there[: reranker.depth], there[reranker.depth :]
    reranked = reranker.rerank(query.pixels, [ids[one.key] for one in best])
    order = reorder(reranked, unknown=reranker.unknown)
    return found._replace(candidates=[*(best[n] for n in order), *others]), [reranked[n] for n in order]


def _plan(found: Found, wanted: Wanted, total: int, *, confidence_known: bool) -> Words:
    plan = Words(found.plan, remarks_of(found.plan))
    if wanted.where and found.exact:
        text = f"exact over the {total} pictures that pass the filter"
        plan = words_of(text, PlanCode.EXACT_FILTERED, count=total)
    if wanted.grouped:
        plan = plan.and_then(words_of("one of each group", PlanCode.GROUPED))
    if wanted.min_confidence is not None:
        plan = plan.and_then(_confidence_words(wanted.min_confidence, known=confidence_known))
    if wanted.rerank is not None:
        count, by = min(len(found.candidates), wanted.rerank.depth), wanted.rerank.name
        text = f"the best {count} looked at again by {by}"
        plan = plan.and_then(words_of(text, PlanCode.LOOKED_AT_AGAIN, count=count, by=by))
    return plan


def _confidence_words(least: float, *, known: bool) -> Words:
    if not known:
        return words_of("of unknown confidence", PlanCode.CONFIDENCE_UNKNOWN)
    return words_of(f"of confidence {least:g} or more", PlanCode.CONFIDENT, least=least)


def _mixture_text(wanted: Wanted) -> str:
    return " + ".join(f"{one.weight:g}*{one.name}" for one in wanted.mixture)
