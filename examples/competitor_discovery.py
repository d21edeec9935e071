"""Finds the strongest competitor of a product: keywords, search, filters, ranking, selection.

    python examples/competitor_discovery.py "Steel bottle" Outdoor

An ordinary small pipeline, traced. All that X-Ray needs of it are the lines with `xray`: nowhere is a value
copied, named or sent by hand. In a product a language model would write the keywords; here a few fixed rules
do, so that the example needs no account anywhere and gives the same answer every time.

One fault has been left in. It raises nothing: some products simply get a worse answer than they should.
`examples/demo.py` finds it with one query.
"""

import argparse
import asyncio
import csv
import json
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xray_trace as xray

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Product:
    """One row of the catalogue."""

    product_id: str
    title: str
    category: str
    price: float
    rating: float
    reviews: int


@dataclass(frozen=True)
class MarketNote:
    """What a market researcher noted about a category: a word in a title, and what it is worth to buyers."""

    term: str
    weight: float
    note: str


@dataclass(frozen=True)
class Limits:
    """What a product must keep to in order to count as a competitor."""

    category: str
    min_price: float
    max_price: float
    min_rating: float = 3.5  # below it, buyers go on scrolling
    min_reviews: int = 10  # a rating of fewer people says little

    def admit(self, product: Product) -> bool:
        """Tell whether the product passes."""
        return (
            product.category == self.category
            and self.min_price <= product.price <= self.max_price
            and product.rating >= self.min_rating
            and product.reviews >= self.min_reviews
        )


@dataclass(frozen=True)
class Ranked:
    """A candidate with its score."""

    product: Product
    score: float


class NoCompetitor(Exception):
    """Nothing in the catalogue competes with the product."""


class Catalogue:
    """The products on the market."""

    def __init__(self, path: Path = FOLDER / "catalogue.csv") -> None:
        with path.open(encoding="utf-8", newline="") as file:
            self._products = [_product(row) for row in csv.DictReader(file)]

    @xray.step("search_products", metadata={"source": "catalogue.csv"})
    async def search(self, keywords: Sequence[str]) -> list[Product]:
        """Return the products that match any keyword, each once."""
        found = await asyncio.gather(*(self.search_keyword(keyword) for keyword in keywords))
        products = list(dict.fromkeys(product for matches in found for product in matches))
        xray.annotate(candidateCount=len(products))
        return products

    @xray.step("search_keyword")
    async def search_keyword(self, keyword: str) -> list[Product]:
        """Return the products with the keyword in their title; in a thread, so that the event loop stays free."""
        return await asyncio.to_thread(self._scan, keyword.lower())

    def _scan(self, keyword: str) -> list[Product]:
        return [product for product in self._products if keyword in product.title.lower()]


class MarketNotes:
    """What is known about each category beyond its products."""

    def __init__(self, path: Path = FOLDER / "market_notes.json") -> None:
        notes = json.loads(path.read_text(encoding="utf-8"))
        self._by_slug = {slug: [MarketNote(**note) for note in found] for slug, found in notes.items()}

    @xray.step("look_up_market_notes")
    def look_up(self, category: str) -> list[MarketNote]:
        """Return the notes on a category."""
        slug = category.lower().replace(" ", "-")
        return self._by_slug.get(slug, [])


@xray.step
def generate_keywords(title: str, category: str) -> list[str]:
    """Write what a buyer of such a product would type into a search box."""
    words = [word.strip(",.") for word in title.lower().split()]
    phrases = [title.lower(), *words, *(f"{category.lower()} {word}" for word in words[-1:])]
    keywords = list(dict.fromkeys(phrases))
    xray.annotate(keywordCount=len(keywords))
    return keywords


@xray.step
def apply_filters(candidates: Sequence[Product], category: str) -> list[Product]:
    """Keep what a buyer in this category would compare with."""
    limits = typical_limits(candidates, category)
    kept = [product for product in candidates if limits.admit(product)]
    removed = len(candidates) - len(kept)
    xray.annotate(
        filterConfig={
            "priceRange": {"min": limits.min_price, "max": limits.max_price},
            "minRating": limits.min_rating,
            "minReviews": limits.min_reviews,
            "categoryMatch": limits.category,
        },
        inputCount=len(candidates),
        outputCount=len(kept),
        filteredCount=removed,
        filteredPercentage=f"{removed / len(candidates):.0%}" if candidates else "0%",
    )
    return kept


def typical_limits(candidates: Sequence[Product], category: str) -> Limits:
    """Set the price range around what such products usually cost."""
    prices = [product.price for product in candidates if product.category == category]
    typical = statistics.median(prices) if prices else 0.0
    return Limits(category, min_price=round(typical / 3, 2), max_price=round(typical * 3, 2))


@xray.step
def rank(candidates: Sequence[Product], context: Sequence[MarketNote]) -> list[Ranked]:
    """Order the candidates, the strongest first, in the light of what is known about their market."""
    ranked = [Ranked(product, round(score(product, context), 3)) for product in candidates]
    xray.annotate(rankedCount=len(ranked))
    return sorted(ranked, key=lambda entry: entry.score, reverse=True)


def score(product: Product, context: Sequence[MarketNote]) -> float:
    """Weigh how good, how well known and how much asked for a product is."""
    asked_for = sum(note.weight for note in context if note.term in product.title.lower())
    return product.rating + math.log10(product.reviews) + asked_for


async def discover(title: str, category: str, catalogue: Catalogue, market_notes: MarketNotes) -> Product:
    """Return the strongest competitor of a product. Raises NoCompetitor if there is none."""
    about = {"useCase": "competitor-discovery", "product": title, "category": category}
    with xray.trace("competitor-discovery", metadata=about) as trace:
        keywords = generate_keywords(title, category)
        candidates = await catalogue.search(keywords)
        shortlist = apply_filters(candidates, category)
        if not shortlist:
            raise NoCompetitor(f"Nothing in the catalogue competes with {title!r} in {category}.")
        ranked = rank(shortlist, context=market_notes.look_up(category))
        with xray.step("select") as select:
            select.input(ranked, key="ranked")
            best = select.output(ranked[0].product)
        trace.annotate(selectedId=best.product_id, selectedTitle=best.title)
        return best


def _product(row: dict[str, str]) -> Product:
    return Product(
        product_id=row["product_id"],
        title=row["title"],
        category=row["category"],
        price=float(row["price"]),
        rating=float(row["rating"]),
        reviews=int(row["reviews"]),
    )


def main() -> int:
    """Look for the competitor of the product named on the command line."""
    parser = argparse.ArgumentParser(description="Find the strongest competitor of a product.")
    parser.add_argument("title", help='such as "Steel bottle"')
    parser.add_argument("category", help='such as Outdoor, Kitchen, Office, Fitness, "Home & Garden" or Pets')
    arguments = parser.parse_args()
    try:
        best = asyncio.run(discover(arguments.title, arguments.category, Catalogue(), MarketNotes()))
    except NoCompetitor as error:
        print(error)
        return 1
    print(f"{best.title} ({best.product_id}), {best.price:.2f}, rated {best.rating} by {best.reviews} buyers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
