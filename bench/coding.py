"""``python -m bench.coding [--pairs N] [--terms N]``: how well and how fast terms are coded and records read.

Two made-up hospitals, whose texts and codes are known without anybody's data:

``clinical``  names of the clinical edition that the NHSA edition writes otherwise, with their NHSA codes
``house``     names of the catalogue in a house style (own short forms), with slips, also compound

Each is divided: the model is taught one part and asked for *seen* texts (of that part) and *unseen* ones (of the
other part, whose texts it never met; in ``house`` their codes neither). The same texts go to two baselines, the
search of ``drg.codes`` and plain character n-grams, and to the model before it was taught.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from drg.codes.catalogue import System
from drg.codes.search import search
from drg.coding.suggestion.base import nhsa_pairs, phrases
from drg.coding.suggestion.features import NameSide
from drg.coding.suggestion.knowledge import Pair
from drg.coding.suggestion.model import Model
from drg.coding.suggestion.practice import practice_pairs
from drg.coding.suggestion.table import nhsa_table
from drg.coding.suggestion.training import fit_pairs
from drg.coding.text import read

HOUSE_STYLE = (
    ("恶性肿瘤", "ca"),
    ("骨折", "fx"),
    ("继发", "转移性"),
    ("动脉", "a"),
    ("静脉", "v"),
    ("综合征", "sy"),
    ("结核", "tb"),
    ("术后", "po"),
    ("妊娠合并", "g+"),
    ("新生儿", "nb"),
    ("关节", "jt"),
    ("病毒性", "v性"),
    ("开放性", "开"),
    ("先天性", "先天"),
    ("慢性", "慢"),
    ("急性", "急"),
    ("出血", "hem"),
    ("损伤", "inj"),
    ("囊肿", "cyst"),
    ("狭窄", "st"),
)
NOTE = (
    "主诉：反复咳嗽3年，加重伴发热2天。\n现病史：患者无明显诱因出现咳嗽、咳痰，体温最高39.2℃，无胸闷、气促。\n"
    "既往史：高血压病史10年，否认糖尿病。\n辅助检查：血红蛋白 85g/L，白细胞12.3×10^9/L，胸部CT提示右肺炎，肺癌待排。\n"
    "诊断：1.社区获得性肺炎 2.II型呼吸衰竭\n"
)
FIRST_READ = "from drg.coding.text import read; read('肺炎')"
FIRST_SUGGESTION = "from drg.coding import suggest; suggest('肺炎', 'diagnosis')"
Answers = list[tuple[list[str], list[str]]]
"""A text: up to ten ranked codes, and the codes given."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_500, help="pairs that each hospital teaches")
    parser.add_argument(
        "--terms", type=int, default=5_000, help="terms of the speed measurement; 50000 as agreed"
    )
    options = parser.parse_args()
    measure_text()
    system: System = "icd10"
    names = NameSide(nhsa_table(system))
    for hospital in (clinical, house):
        taught, unseen = hospital(names, system, options.pairs)
        measure_quality(hospital.__name__, names, system, taught, unseen)
    measure_speed(options.terms)


def clinical(names: NameSide, system: System, count: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs to teach, and others."""
    pairs = nhsa_pairs(system)
    random.Random(3).shuffle(pairs)
    return pairs[:count], pairs[count : count + 500]


def house(names: NameSide, system: System, count: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs to teach, and others with other codes."""
    chance = random.Random(5)
    rows = [
        row
        for row in range(len(names.table.codes))
        if any(long in names.table.terms[row] for long, _ in HOUSE_STYLE)
    ]
    chance.shuffle(rows)
    limit = len(rows) * 3 // 4
    known = _styled(names, rows[:limit], chance, count)
    others = _styled(names, rows[limit:], chance, 500)
    return known, others


def _styled(names: NameSide, rows: list[int], chance: random.Random, count: int) -> list[Pair]:
    found = []
    for _ in range(count):
        chosen = tuple(dict.fromkeys(chance.choice(rows) for _ in range(2 if chance.random() < 0.25 else 1)))
        terms = [names.table.terms[row] for row in chosen]
        for long, short in HOUSE_STYLE:
            terms = [term.replace(long, short) for term in terms]
        found.append(Pair(chance.choice(("、", ",", "伴", ";")).join(terms), chosen))
    return found


def measure_quality(
    name: str, names: NameSide, system: System, taught: list[Pair], unseen: list[Pair]
) -> None:
    # The clinical names are what is asked for: they are not in the background here.
    practice = practice_pairs(names.table, phrases(), len(taught))
    start = time.perf_counter()
    before = fit_pairs(names, (), (), practice, phrases()).model
    after = fit_pairs(names, taught, (), practice, phrases()).model
    print(f"{name}: {len(taught):,} pairs taught; both models trained in {time.perf_counter() - start:.0f} s")
    print("  method          texts    top-1  top-10    F1")
    seen = random.Random(1).sample(taught, min(500, len(taught)))
    methods: tuple[tuple[str, Callable[[Sequence[Pair]], Answers]], ...] = (
        ("search", lambda pairs: by_search(pairs, system)),
        ("n-grams", lambda pairs: by_grams(pairs, names)),
        ("before teaching", lambda pairs: by_model(pairs, before)),
        ("taught", lambda pairs: by_model(pairs, after)),
    )
    for method, answer in methods:
        for which, pairs in (("seen", seen), ("unseen", unseen)):
            top1, top10, f1 = scores(pairs, answer(pairs), names)
            print(f"  {method:15} {which:7} {top1:6.1%} {top10:7.1%} {f1:6.3f}")


def by_search(pairs: Sequence[Pair], system: System) -> Answers:
    found = [[hit.code for hit in search(pair.text, system, 10)] for pair in pairs]
    return [(codes, codes[:1]) for codes in found]


def by_grams(pairs: Sequence[Pair], names: NameSide) -> Answers:
    rows, _ = names.index.nearest([pair.text for pair in pairs], 10)
    found = [[names.table.codes[row] for row in of_text if row >= 0] for of_text in rows.tolist()]
    return [(codes, codes[:1]) for codes in found]


def by_model(pairs: Sequence[Pair], model: Model) -> Answers:
    found = model.suggest_many([pair.text for pair in pairs], 10)
    return [([one.code for one in of_text], [one.code for one in of_text if one.given]) for of_text in found]


def scores(pairs: Sequence[Pair], answers: Answers, names: NameSide) -> tuple[float, float, float]:
    """Texts whose first code is right; codes that are among the first ten; F1 over (text, code)."""
    right_first = right_ten = right = given = wanted = 0
    for pair, (ranked, chosen) in zip(pairs, answers, strict=True):
        targets = {names.table.codes[row] for row in pair.rows}
        right_first += bool(ranked) and ranked[0] in targets
        right_ten += len(targets & set(ranked))
        right += len(targets & set(chosen))
        given += len(chosen)
        wanted += len(targets)
    return right_first / len(pairs), right_ten / wanted, 2 * right / max(given + wanted, 1)


def measure_text() -> None:
    text = NOTE * (1_000_000 // len(NOTE.encode()))
    read(NOTE)
    start, cpu = time.perf_counter(), time.process_time()
    found = read(text)
    took, used = time.perf_counter() - start, time.process_time() - cpu
    print(f"read 1 MB of text: {took:.2f} s ({used:.2f} s of one core), {len(found.mentions):,} terms")
    print(f"  cold process, first text: {cold(FIRST_READ):.2f} s")


def measure_speed(count: int) -> None:
    from drg.coding.suggestion.api import default_folder, load_cached

    model = load_cached(default_folder("diagnosis"))
    texts = [pair.text for pair in practice_pairs(model.names.table, phrases(), count, seed=99)]
    model.suggest(texts[0])
    start = time.perf_counter()
    for text in texts[:100]:
        model.suggest(text)
    print(f"suggest one term, warm: {(time.perf_counter() - start) * 10:.1f} ms")
    start = time.perf_counter()
    for _ in model.suggest_many(texts):
        pass
    took = time.perf_counter() - start
    print(f"suggest {len(texts):,} terms: {took:.1f} s; 50,000 would take {took * 50_000 / len(texts):.0f} s")
    print(f"  cold process, first term: {cold(FIRST_SUGGESTION):.2f} s")


def cold(code: str) -> float:
    """Seconds of a new process that runs ``code``."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
