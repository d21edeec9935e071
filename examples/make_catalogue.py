"""Writes `catalogue.csv`, the product catalogue that the example searches.

The seed is fixed, so the file comes out the same wherever this runs: `python examples/make_catalogue.py`.
"""

import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

CATALOGUE_PATH = Path(__file__).with_name("catalogue.csv")
COLUMNS = ("product_id", "title", "category", "price", "rating", "reviews")

SEED = 20260111  # any number does, as long as it stays
VARIANTS_PER_KIND = 15  # 30 kinds make 450 rows: enough to filter and rank, small enough to read

BRANDS = ("Alder", "Boreal", "Cairn", "Dunmore", "Eskil", "Fennec", "Garrick", "Halden", "Ivory", "Juniper")

# category -> kind of product -> (what it usually costs, what a seller puts in its title)
KINDS: dict[str, dict[str, tuple[float, tuple[str, ...]]]] = {
    "Outdoor": {
        "Bottle": (24, ("Steel", "Insulated Steel", "Aluminium", "Glass", "Wide Mouth Steel")),
        "Tent": (180, ("Two Person", "Ultralight", "Family", "Waterproof")),
        "Backpack": (95, ("Canvas", "Waterproof", "Ultralight", "Roll Top")),
        "Lantern": (35, ("Solar", "Rechargeable", "Folding", "Brass")),
        "Hammock": (48, ("Nylon", "Ultralight", "Cotton", "Double")),
    },
    "Kitchen": {
        "Pan": (55, ("Cast Iron", "Non-Stick", "Steel", "Copper")),
        "Kettle": (42, ("Steel", "Gooseneck", "Glass", "Enamel")),
        "Knife": (70, ("Steel", "Ceramic", "Damascus", "Folding")),
        "Grinder": (60, ("Burr", "Manual", "Electric", "Ceramic")),
        "Board": (28, ("Bamboo", "Walnut", "Reversible", "Marble")),
    },
    "Office": {
        "Lamp": (45, ("LED", "Dimmable", "Brass", "Clamp")),
        "Chair": (210, ("Ergonomic", "Mesh", "Leather", "Kneeling")),
        "Notebook": (14, ("Dotted", "Leather", "Recycled", "Hardcover")),
        "Pen": (9, ("Gel", "Fountain", "Brass", "Recycled")),
        "Stand": (38, ("Laptop", "Bamboo", "Folding", "Aluminium")),
    },
    "Fitness": {
        "Mat": (32, ("Cork", "Yoga", "Folding", "Extra Thick")),
        "Dumbbell": (58, ("Cast Iron", "Adjustable", "Neoprene", "Hex")),
        "Band": (18, ("Latex Free", "Fabric", "Long", "Door")),
        "Rope": (16, ("Speed", "Weighted", "Beaded", "Steel")),
        "Roller": (27, ("Foam", "Cork", "Vibrating", "Travel")),
    },
    "Home & Garden": {
        "Planter": (39, ("Self-Watering", "Terracotta", "Hanging", "Cedar")),
        "Hose": (44, ("Expandable", "Rubber", "Drip", "Kink-Free")),
        "Shears": (31, ("Bypass", "Steel", "Long Handle", "Ceramic")),
        "Doormat": (22, ("Coir", "Recycled", "Rubber", "Washable")),
        "Bench": (160, ("Cedar", "Folding", "Cast Iron", "Storage")),
    },
    "Pets": {
        "Bed": (52, ("Orthopaedic", "Washable", "Heated", "Travel")),
        "Leash": (19, ("Leather", "Reflective", "Retractable", "Rope")),
        "Bowl": (17, ("Steel", "Slow Feeder", "Ceramic", "Travel")),
        "Carrier": (64, ("Airline", "Backpack", "Folding", "Soft")),
        "Tower": (88, ("Sisal", "Corner", "Compact", "Window")),
    },
}


def rows() -> Iterator[tuple[str, str, str, str, str, int]]:
    """Make every product of the catalogue, in the order of the file."""
    chance = random.Random(SEED)
    number = 0
    for category, kinds in KINDS.items():
        for kind, (usual_price, features) in kinds.items():
            for _ in range(VARIANTS_PER_KIND):
                number += 1
                title = f"{chance.choice(BRANDS)} {chance.choice(features)} {kind}"
                price = usual_price * chance.uniform(0.5, 2.0)
                rating = chance.triangular(2.6, 5.0, 4.3)
                reviews = int(10 ** chance.uniform(0.5, 3.8))  # a few products have most of the reviews
                yield f"P{number:04}", title, category, f"{price:.2f}", f"{rating:.1f}", reviews


def write(file: TextIO) -> None:
    """Write the catalogue as CSV with a line of column names."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows())


def main() -> int:
    """Write the file that ships."""
    with CATALOGUE_PATH.open("w", encoding="utf-8", newline="") as file:
        write(file)
    print(f"Wrote {CATALOGUE_PATH}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
