"""Search: from a query to ranked pictures, with an account of how they were found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from lookalike.catalog.base import MAIN, KeptPicture
from lookalike.catalog.dateless import left_out_for_having_no_date
from lookalike.core.errors import BadQuery, LookalikeError
from lookalike.core.filters import Filter
from lookalike.core.records import Neighbours
from lookalike.core.saying import PlanCode
from lookalike.core.vectors import Keys, Pixels, Vectors
from lookalike.core.wording import Words, remarks_of, said
from lookalike.index.base import check_wanted
from lookalike.parts.answer_cache import Question
from lookalike.parts.parts import Parts
from lookalike.parts.reply import Reply, with_own_metadata
from lookalike.search.hits import hits_of
from lookalike.search.second_opinion import Opinion, SecondOpinion, reordered
from lookalike.search.sureness import DEPTH as SURE_DEPTH
from lookalike.search.sureness import is_sure
from lookalike.search.timings import Timings
from lookalike.view.candidates import Found, grouped_candidates, single_candidates
from lookalike.view.confidence import Pairs
from lookalike.view.facts import IndexFacts
from lookalike.view.nearness import DEPTH as NEARNESS_DEPTH
from lookalike.view.nearness import has_nothing_like_it

if TYPE_CHECKING:
    from lookalike.search.fusion import Weight

_ATTEMPTS = 5


class Query(NamedTuple):
    """What is searched for.

    Attributes:
        vectors: by name of the model (`main`: the collection's own), shape (1, D), float32; all that the mixture names.
        pixels: shape (H, W, 3), uint8 RGB: the picture itself, for a second opinion; None where there is not one
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
        opinion: looks at the best again; None for none.
        min_confidence: hits of less are left out, 0 to 1; None for none. Where confidence is not known, none are.
        without: key of a picture that is passed over, such as that of the query itself; None for none.
    """

    k: int = 10
    where: Filter = field(default_factory=Filter.everything)
    recall: float | None = None
    grouped: bool = False
    mixture: tuple[Weight, ...] = ()
    opinion: SecondOpinion | None = None
    min_confidence: float | None = None
    without: int | None = None


class Looked(NamedTuple):
    """What a look at the index gives.

    Attributes:
        facts: of the index.
        allowed: shape (A,), int64: keys of the pictures that pass the filter; None where there is none.
        found: the candidates.
        pictures: what the catalog knows of the best of them, by key; None where it was not asked yet.
        passed_over: how many pictures of the index count as not there.
    """

    facts: IndexFacts
    allowed: Keys | None
    found: Found
    pictures: Mapping[int, KeptPicture] | None = None
    passed_over: int = 0

    @property
    def total(self) -> int:
        """How many pictures pass the filter."""
        return self.facts.count - self.passed_over if self.allowed is None else len(self.allowed)


Ahead = Callable[[tuple[int, ...]], Looked | None]
"""Gives what was looked up already for a version of the collection; None where that has to be done."""


def search(query: Query, parts: Parts, *, wanted: Wanted, timings: Timings, ahead: Ahead | None = None) -> Reply:
    """Find the k pictures nearest to a query: cache, filter, candidates, second opinion, hits.

    Args:
        query: its vectors, and its picture where that is needed.
        parts: the collection.
        wanted: how many of what.
        timings: goes on counting.
        ahead: looks up several queries together; see `lookalike.search.search_many`.
    Returns:
        exactly k hits if k pictures (or groups) pass the filter, else all that do; fewer with a least confidence.
    Raises:
        BadQuery: when k is less than 1, the recall or the least confidence is no share, a second opinion has no picture
            to look at, or a least confidence is wanted of a mixture.
    """
    check_wanted(wanted.k, wanted.recall)
    _check_confidence(wanted)
    if wanted.opinion is not None and query.pixels is None:
        raise BadQuery("a second opinion needs a query of one picture, not a sum of pictures or a vector")
    if wanted.opinion is not None:  # which looks at files, of whose changes the catalog does not know
        return _refreshed_and_searched(query, parts, wanted, timings)
    with timings.stage("cache"):  # asked for the version before it is looked at, so that no answer is older than that
        question = _question(query, parts, wanted)
        known = parts.answers.get(question)
    if known is not None:
        return replace(with_own_metadata(known), timings_ms=timings.finished(), cached=True)
    reply = _refreshed_and_searched(query, parts, wanted, timings, ahead and partial(ahead, question.version))
    kept = with_own_metadata(reply)
    question = replace(question, version=(question.version[0], parts.view.generation))  # the refresh may have rebuilt
    parts.answers.put(question, kept, _about_bytes(kept))
    return reply


def _about_bytes(reply: Reply) -> int:
    """What a reply takes in memory: measured with `held_bytes` it is 3 kB and 1.2 kB a hit without metadata."""
    metadata = sum(len(repr(hit.metadata)) for hit in reply.hits if hit.metadata)
    return 3_000 + sum(1_200 + len(hit.path or "") + 120 * len(hit.group) for hit in reply.hits) + 8 * metadata


def _refreshed_and_searched(
    query: Query, parts: Parts, wanted: Wanted, timings: Timings, ahead: Callable[[], Looked | None] | None = None
) -> Reply:
    with timings.stage("refresh"):
        parts.view.refresh()
    return _searched(query, parts, wanted, timings, ahead)


def _searched(
    query: Query, parts: Parts, wanted: Wanted, timings: Timings, ahead: Callable[[], Looked | None] | None
) -> Reply:
    for _ in range(_ATTEMPTS):
        with timings.stage("search"):
            known = ahead() if ahead is not None else None
        looked, ahead = known or _looked(query, parts, wanted, timings), None
        facts, allowed, found, total = looked.facts, looked.allowed, looked.found, looked.total
        with timings.stage("search"):
            pairs = None if wanted.mixture else parts.confidences.pairs(parts.catalog, parts.view, count=facts.count)
        whole = wanted.grouped or len(found.candidates) >= min(wanted.k, total)
        sure = _sure(found, wanted, facts)
        with timings.stage("search"):
            nothing_like_it = _nothing_like_it(query, found, parts, wanted)
        found = _confident(found, pairs, wanted.min_confidence)
        due = min(wanted.k, len(found.candidates))
        opinions: list[Opinion] = []
        if wanted.opinion is not None:
            with timings.stage("opinion"):
                found, opinions = _looked_at_again(query, parts, wanted.opinion, found)
        with timings.stage("fetch"):
            hits = hits_of(
                found.candidates[: wanted.k], opinions, parts, wanted.where, pairs=pairs, pictures=looked.pictures
            )
        if whole and len(hits) == due:
            return Reply(
                hits=tuple(hits),
                plan=_plan(found, wanted, total, filtered=allowed is not None, confidence_known=pairs is not None),
                exact=found.exact,
                scanned=found.scanned,
                total_matching=total,
                timings_ms=timings.finished(),
                model=_mixture_text(wanted) or parts.catalog.model_id,
                index=facts,
                sure=sure,
                nothing_like_it=nothing_like_it,
                without_date=left_out_for_having_no_date(wanted.where, parts.catalog),
            )
        with timings.stage("refresh"):
            parts.view.refresh()
    raise LookalikeError(f"the collection changed {_ATTEMPTS} times while it was being searched; search again")


def _looked(query: Query, parts: Parts, wanted: Wanted, timings: Timings) -> Looked:
    facts = parts.view.facts()
    with timings.stage("filter"):
        allowed = parts.catalog.select(wanted.where) if wanted.where else None
    if allowed is not None and wanted.without is not None:
        allowed = allowed[allowed != wanted.without]
    passed_over = int(allowed is None and wanted.without is not None)
    total = facts.count - passed_over if allowed is None else len(allowed)
    with timings.stage("search"):
        found = _found(query, parts, wanted, allowed=allowed, total=total, depth=depth_of(wanted, facts))
        return Looked(facts, allowed, found, passed_over=passed_over)


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
    """How many candidates to look for: k, or as many as a second opinion looks at or a word on the answer takes.

    For a word on sureness an approximate index would have to work more, and be held to the recall of more
    than are asked for.
    """
    if wanted.opinion is not None:
        return max(wanted.k, wanted.opinion.depth)
    is_cheap = facts.recall == 1 and facts.projection_learnt_from and not wanted.mixture and not wanted.grouped
    return max(wanted.k, SURE_DEPTH if is_cheap else NEARNESS_DEPTH)


def _sure(found: Found, wanted: Wanted, facts: IndexFacts) -> bool | None:
    if wanted.opinion is not None or wanted.mixture:
        return None
    return is_sure([one.similarity for one in found.candidates], projected=facts.projection_learnt_from > 0)


def _nothing_like_it(query: Query, found: Found, parts: Parts, wanted: Wanted) -> bool | None:
    if wanted.mixture:
        return None
    return has_nothing_like_it(query.vectors[MAIN], found.candidates, parts.view.nearness(), parts.catalog)


def _found(query: Query, parts: Parts, wanted: Wanted, *, allowed: Keys | None, total: int, depth: int) -> Found:
    """The candidates, as many as `depth` says where there are so many."""

    def nearest(k: int) -> Neighbours:
        due = min(k, max(total, 1))
        if wanted.without is None or allowed is not None:
            return _nearest(query, parts, wanted, due, allowed=allowed)
        return _without(wanted.without, _nearest(query, parts, wanted, due + 1, allowed=None), k=due)

    if not wanted.grouped:
        return single_candidates(depth, search=nearest)
    groups = parts.view.groups()
    return grouped_candidates(depth, search=nearest, labels=groups.labels, members=groups.members, allowed=allowed)


def _nearest(query: Query, parts: Parts, wanted: Wanted, k: int, *, allowed: Keys | None) -> Neighbours:
    if not wanted.mixture:
        return parts.view.search(query.vectors[MAIN], k, allowed=allowed, recall=wanted.recall)
    from lookalike.search.fusion import EXACT_UP_TO, fused  # which most searches do not need
    from lookalike.search.fusion_sources import sources

    by_model = sources(parts.catalog, parts.view, query.vectors, recall=wanted.recall)
    exact_up_to = EXACT_UP_TO if wanted.recall != 1 else parts.catalog.facts().images
    return fused(by_model, wanted.mixture, parts.catalog, k=k, allowed=allowed, exact_up_to=exact_up_to)


def _without(key: int, found: Neighbours, *, k: int) -> Neighbours:
    """The best k of an answer to one query, but for one key."""
    kept = found.keys[0] != key
    return found._replace(keys=found.keys[:, kept][:, :k], similarities=found.similarities[:, kept][:, :k])


def _check_confidence(wanted: Wanted) -> None:
    least = wanted.min_confidence
    if least is None:
        return
    if not 0 <= least <= 1:
        raise BadQuery(f"expected a least confidence from 0 to 1, got {least:g}")
    if wanted.mixture:
        raise BadQuery("a least confidence goes by the collection's own model: leave the other models or it away")


def _confident(found: Found, pairs: Pairs | None, least: float | None) -> Found:
    """Without the candidates of less than that confidence; all where nothing is known of it."""
    if pairs is None or least is None:
        return found
    confidences = pairs.confidences([one.similarity for one in found.candidates])
    kept = [one for one, confidence in zip(found.candidates, confidences, strict=True) if confidence >= least]
    return found._replace(candidates=kept)


def _looked_at_again(query: Query, parts: Parts, opinion: SecondOpinion, found: Found) -> tuple[Found, list[Opinion]]:
    """The best candidates in the order of a second opinion, the others behind them as before; what it says of the best.

    It looks at as many for any k, so that who asks for more finds what they had, in the order in which they had it.
    """
    if query.pixels is None:
        raise BadQuery("a second opinion needs a query of one picture, not a sum of pictures or a vector")
    ids = parts.catalog.ids([one.key for one in found.candidates])
    there = [one for one in found.candidates if one.key in ids]
    best, others = there[: opinion.depth], there[opinion.depth :]
    opinions = opinion.opinions(query.pixels, [ids[one.key] for one in best])
    order = reordered(opinions, unknown=opinion.unknown)
    return found._replace(candidates=[*(best[n] for n in order), *others]), [opinions[n] for n in order]


def _plan(found: Found, wanted: Wanted, total: int, *, filtered: bool, confidence_known: bool) -> Words:
    plan = Words(found.plan, remarks_of(found.plan))
    if filtered and found.exact:
        text = f"exact over the {total} pictures that pass the filter"
        plan = said(text, PlanCode.EXACT_FILTERED, count=total)
    if wanted.grouped:
        plan = plan.and_then(said("one of each group", PlanCode.GROUPED))
    if wanted.min_confidence is not None:
        plan = plan.and_then(_confidence_words(wanted.min_confidence, known=confidence_known))
    if wanted.opinion is not None:
        count, by = min(len(found.candidates), wanted.opinion.depth), wanted.opinion.name
        text = f"the best {count} looked at again by {by}"
        plan = plan.and_then(said(text, PlanCode.LOOKED_AT_AGAIN, count=count, by=by))
    return plan


def _confidence_words(least: float, *, known: bool) -> Words:
    if not known:
        return said("of unknown confidence", PlanCode.CONFIDENCE_UNKNOWN)
    return said(f"of confidence {least:g} or more", PlanCode.CONFIDENT, least=least)


def _mixture_text(wanted: Wanted) -> str:
    return " + ".join(f"{one.weight:g}*{one.name}" for one in wanted.mixture)
