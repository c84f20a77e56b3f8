"""Rules that a valid spec must also meet: those of the linter that look at one spec alone.

A rule yields faults: the path of the field, what is wrong and what to do about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import combinations

from lossproof.specs import vocabulary
from lossproof.specs.editions import covers
from lossproof.specs.models import Case, Citation, Claim, Decides, Edition, Spec

Path = tuple[str | int, ...]
Fault = tuple[Path, str, str]
Rule = Callable[[Spec], Iterator[Fault]]

FROM_CASES = ("error", "configuration", "signature", "training", "example")
"""Properties that have no cells but those of cases."""
_ARRANGED = ("weights", "broadcast", "dtypes", "rank", "case")
_COUNTED = re.compile(r"((case|claim|test|example)[-.]?)?\d+")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_CALLED = ("call", "descend")


def slugs_say_something(spec: Spec) -> Iterator[Fault]:
    """A slug that only counts (`case-3`) invites renumbering."""
    slugs: list[tuple[Path, str]] = [(("claims", i, "slug"), c.slug) for i, c in enumerate(spec.claims)]
    slugs += [(("cases", i, "slug"), c.slug) for i, c in enumerate(spec.cases)]
    for path, slug in slugs:
        if _COUNTED.fullmatch(slug):
            yield path, f"{slug!r} only counts", "say what it is about; slugs never change"


def editions_are_apart(spec: Spec) -> Iterator[Fault]:
    """No version lies in two editions of one package."""
    for (_, a), (j, b) in combinations(enumerate(spec.editions), 2):
        if a.package == b.package and (version := common_version(a.versions, b.versions)):
            message = f"{version} lies in this range and in that of {a.slug} ({a.versions})"
            yield ("editions", j, "versions"), message, "a version belongs to one edition"


def common_version(a: str, b: str) -> str | None:
    """A version in both ranges, or None: it is enough to look at their ends and just above them."""
    ends = {end.rstrip(".*") for end in re.findall(r"\d[\w.*!]*", f"{a},{b}")}
    candidates = ["0", *sorted(ends), *(f"{end}.0.0.1" for end in sorted(ends)), "99999"]
    return next((v for v in candidates if covers(a, v) and covers(b, v)), None)


def editions_have_claims(spec: Spec) -> Iterator[Fault]:
    """An edition without claims documents nothing."""
    for i, edition in enumerate(spec.editions):
        if not any(_holds(claim, edition) for claim in spec.claims):
            yield (
                ("editions", i),
                f"no claim belongs to the edition {edition.slug}",
                "state what it documents",
            )


def claims_are_decided(spec: Spec) -> Iterator[Fault]:
    """In each of its editions a claim has something that decides it, and no selection is empty everywhere."""
    cases = {case.slug: case for case in spec.cases}
    for i, claim in enumerate(spec.claims):
        editions = [e for e in spec.editions if _holds(claim, e)]
        why = {(j, e.slug): _missing(d, e, cases) for j, d in enumerate(claim.decided_by) for e in editions}
        for j in range(len(claim.decided_by)):
            reasons = [why[j, e.slug] for e in editions]
            if reasons and all(reasons):
                yield ("claims", i, "decided_by", j), f"selects nothing: {reasons[0]}", ""
        for edition in editions:
            if all(why[j, edition.slug] for j in range(len(claim.decided_by))):
                hint = "add a case or a property, or restrict the claim's editions"
                yield ("claims", i), f"nothing decides it in the edition {edition.slug}", hint


def _missing(decides: Decides, edition: Edition, cases: dict[str, Case]) -> str:
    """The reason why the selection is empty in the edition, or ''."""
    call, wanted = edition.call, decides.property
    if decides.case is not None:
        return "" if _holds(cases[decides.case], edition) else f"the case is not one of {edition.slug}"
    of_cases = [c for c in cases.values() if c.property == wanted and _holds(c, edition)]
    if decides.variant and decides.variant.startswith("case="):
        fits = any(fnmatchcase(f"case={c.slug}", decides.variant) for c in of_cases)
        return "" if fits else "no case fits the variant"
    if of_cases and decides.region is None and decides.variant is None:
        return ""
    has_eps = call.option("eps") is not None or edition.semantics.fixed("eps") is not None
    reduces = call.option("reduction") is not None or edition.semantics.reduction != "none"
    needs: dict[str, tuple[bool, str]] = {
        **dict.fromkeys(FROM_CASES, (False, f"the property {wanted} needs a case")),
        "weights": (call.array("weights") is not None, "the API takes no weights"),
        "reduction": (reduces, "the API reduces nothing"),
        "axis": (call.option("axis") is not None, "the API has no axis option"),
        "eps": (has_eps, "no eps is documented"),
    }
    given, reason = needs.get(str(wanted), (True, ""))
    if not given:
        return reason
    if decides.region in vocabulary.NEED_EPS and not has_eps:
        return "no eps is documented"
    known = {o.name for o in call.options} | set(_ARRANGED)
    asked = re.findall(r"(?:^|,|\*)(\w+)=", decides.variant or "")
    unknown = sorted(set(asked) - known)
    return f"the variant asks for {', '.join(unknown)}, which the API does not have" if unknown else ""


def cases_are_used(spec: Spec) -> Iterator[Fault]:
    """A case that no claim names supports nothing; one whose property a claim selects is used, too."""
    named = {d.case for claim in spec.claims for d in claim.decided_by}
    for i, case in enumerate(spec.cases):
        if case.slug not in named:
            yield (
                ("cases", i),
                f"no claim is decided by the case {case.slug}",
                "name it in a claim's decided_by",
            )


def citations_are_complete(spec: Spec) -> Iterator[Fault]:
    """A reader must find the place: a full address or name, a version, a section."""
    for i, edition in enumerate(spec.editions):
        yield from _citation(edition.source, ("editions", i, "source"))
    for i, claim in enumerate(spec.claims):
        yield from _citation(claim.cite, ("claims", i, "cite"))
        for slug, cite in claim.also.items():
            if isinstance(cite, Citation):
                yield from _citation(cite, ("claims", i, "also", slug))


def _citation(cite: Citation, at: Path) -> Iterator[Fault]:
    if cite.document == "docstring":
        if not _NAME.fullmatch(cite.where):
            yield (
                (*at, "where"),
                f"{cite.where!r} is no name of an object",
                "the full name, such as torch.nn.CosineSimilarity",
            )
    elif not re.fullmatch(r"https?://[^\s/]+\.[^\s/]+/\S+", cite.where) and cite.document == "page":
        yield (*at, "where"), f"{cite.where!r} is no address of a page", "the full https address"
    for field in ("version", "section"):
        if not getattr(cite, field).strip():
            yield (*at, field), "empty", "say where it stands; 'description' and 'signature' are sections too"


def texts_are_there(spec: Spec) -> Iterator[Fault]:
    """Summary, claims and cases say something, in one paragraph."""
    texts: list[tuple[Path, str]] = [(("summary",), spec.summary)]
    texts += [(("claims", i, "says"), c.says) for i, c in enumerate(spec.claims)]
    texts += [(("cases", i, "says"), c.says) for i, c in enumerate(spec.cases)]
    for path, text in texts:
        if not text.strip() or "\n" in text:
            yield path, "empty, or more than one paragraph", "one line, in your own words"


def calls_are_consistent(spec: Spec) -> Iterator[Fault]:
    """Names are used once; a reduction option knows what its values and its default mean."""
    for i, edition in enumerate(spec.editions):
        at: Path = ("editions", i, "call")
        names = [a.name for a in edition.call.arrays] + [o.name for o in edition.call.options]
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield at, f"{name!r} names two parameters", ""
        roles = [a.role for a in edition.call.arrays] + [o.role for o in edition.call.options]
        for role in sorted({r for r in roles if roles.count(r) > 1 and r != "other"}):
            yield (
                at,
                f"two parameters have the role {role!r}",
                "give the role to the one that counts, 'other' to the rest",
            )
        for j, option in enumerate(edition.call.options):
            known = set(option.means)
            default = "null" if option.default is None else str(option.default)
            if option.role == "reduction" and not option.required and default not in known:
                yield (*at, "options", j), f"means does not say what the default {default!r} stands for", ""


def cases_fit_the_call(spec: Spec) -> Iterator[Fault]:
    """A case of a call names arrays and options that the call has in every edition of the case."""
    for i, case in enumerate(spec.cases):
        if case.ask not in _CALLED or case.property == "error":
            continue
        for edition in spec.editions:
            if not _holds(case, edition):
                continue
            arrays = {a.name: a for a in edition.call.arrays}
            options = {o.name for o in edition.call.options}
            at: Path = ("cases", i)
            yield from _unknown((*at, "arrays"), case.arrays, arrays, edition)
            yield from _unknown((*at, "options"), case.options, options | set(arrays), edition)
            absent = [n for n, a in arrays.items() if not a.optional and n not in case.arrays]
            if absent:
                yield (
                    (*at, "arrays"),
                    f"{', '.join(absent)} missing, which the edition {edition.slug} requires",
                    "",
                )


def _unknown(at: Path, given: object, known: object, edition: Edition) -> Iterator[Fault]:
    for name in sorted(set(given) - set(known)):  # type: ignore[call-overload]
        yield (*at, name), f"the call has no {name!r} in the edition {edition.slug}", ""


def _holds(item: Claim | Case, edition: Edition) -> bool:
    return not item.editions or edition.slug in item.editions


RULES: Sequence[Rule] = (
    slugs_say_something,
    editions_are_apart,
    editions_have_claims,
    claims_are_decided,
    cases_are_used,
    citations_are_complete,
    texts_are_there,
    calls_are_consistent,
    cases_fit_the_call,
)
