"""Adds freely licensed portraits to the photographs of `debian_photographs.py`.

    git clone https://github.com/voteview/member_photos
    git clone https://github.com/acani/fake_profile_pictures
    python examples/tools/portraits.py photographs.tar member_photos fake_profile_pictures free.tar

Writes a tar of JPEG files and a .json of the same name with the author and licence of each picture,
and prints the credits as a text for the card of a preset. The portraits are

- official portraits of members of the 115th to 119th Congress of the United States from its
  Biographical Directory, works of the federal government and so in the public domain
  (17 U.S.C. 105): every colour picture of at least 170 pixels, of which `--congress` are taken,
  evenly spaced;
- portraits by 15 photographers under CC-BY-2.0 and CC-BY-SA-2.0, whose adaptations may be under a
  later version of the licence.

The commits are fixed, as are the files of the tar.
"""

import argparse
import csv
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import numpy as np
from debian_photographs import card_text
from PIL import Image

CONGRESS = "687cf7a9212a445431ad7441d8bfd0b7bf297eff"
PROFILES = "c1d95c78ec2fe47bc4d045aca5b502010ad21eac"
FIRST_CONGRESS = 115
LEAST_SIDE = 170
# Mean distance of the channels from their mean, in 0..255, below which a picture counts as grey.
LEAST_COLOUR = 4
LICENSES = {"by": "CC-BY-2.0", "by-sa": "CC-BY-SA-2.0"}
# A line of the list of credits: title, identifier of the picture, author and licence.
CREDIT = re.compile(
    r'"\[(?P<title>.+?)\]\[(?P<number>\d+)p\]\." Photograph by \[(?P<author>.+?) on Flickr\]'
    r".*\[(?P<license>by|by-sa)\]\.$",
    re.MULTILINE,
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=Path, help="tar of debian_photographs.py")
    parser.add_argument("member_photos", type=Path, help="clone of that repository")
    parser.add_argument("profile_pictures", type=Path, help="clone of that repository")
    parser.add_argument("output", type=Path)
    parser.add_argument("--congress", type=int, default=75, help="number of official portraits")
    return parser.parse_args()


def stored(clone, commit, path):
    """Reads a file of a commit, as bytes."""
    command = ["git", "-C", clone, "cat-file", "blob", f"{commit}:{path}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def is_colourful(data):
    """Returns whether a picture has colours and is large enough."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"), float)
    distance = np.abs(pixels - pixels.mean(axis=-1, keepdims=True)).mean()
    return distance >= LEAST_COLOUR and min(pixels.shape[:2]) >= LEAST_SIDE


def official_portraits(clone, count):
    """Yields `(bytes, entry)` of portraits of members of Congress."""
    table = csv.DictReader(stored(clone, CONGRESS, "members.csv").decode().splitlines())
    members = sorted(
        (row for row in table if int(row["congress"]) >= FIRST_CONGRESS),
        key=lambda row: row["icpsr"],
    )
    members = [row for row in members if row["source"] == "bio_guide"]
    pairs = [(stored(clone, CONGRESS, row["image"]), row) for row in members]
    pairs = [pair for pair in pairs if is_colourful(pair[0])]
    for index in np.linspace(0, len(pairs) - 1, count).astype(int):
        data, row = pairs[index]
        yield (
            data,
            {
                "title": row["icpsr"],
                "author": "Congress of the United States",
                "license": "public-domain",
            },
        )


def profile_pictures(clone):
    """Yields `(bytes, entry)` of portraits by photographers on Flickr."""
    for line in CREDIT.finditer(stored(clone, PROFILES, "README.md").decode()):
        path = f"lib/fake_profile_pictures/photos/large_{line['number']}@2x.jpg"
        entry = {key: line[key] for key in ("title", "author")}
        yield stored(clone, PROFILES, path), {**entry, "license": LICENSES[line["license"]]}


def main():
    args = arguments()
    entries = json.loads(args.photographs.with_suffix(".json").read_text(encoding="utf-8"))
    portraits = [
        *official_portraits(args.member_photos, args.congress),
        *profile_pictures(args.profile_pictures),
    ]
    # The last tenth by name is held out, so names begin with a random number.
    numbers = np.random.default_rng(1).integers(len(entries), size=len(portraits))
    with tarfile.open(args.photographs) as photographs, tarfile.open(args.output, "w") as archive:
        for member in photographs:
            archive.addfile(member, photographs.extractfile(member))
        for index, (number, (data, entry)) in enumerate(zip(numbers, portraits, strict=True)):
            member = tarfile.TarInfo(f"{number:03}-portrait-{index:03}.jpg")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            entries.append({"file": member.name, **entry})
    args.output.with_suffix(".json").write_text(
        json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(card_text(sorted(entries, key=lambda entry: (entry["author"], entry["title"]))))
    print(f"{len(entries)} pictures in {args.output}")


if __name__ == "__main__":
    main()
