"""Makes a dataset of freely licensed photographs from Debian packages.

    python examples/tools/debian_photographs.py photographs.tar

Runs on Debian and its derivatives, without root. Writes a tar of JPEG files and a .json of the same
name with the file, author, licence, package and version of each picture, as stated in the copyright
file of its package. Prints the credits as a text for the card of a preset.

`PHOTOGRAPHS` lists pictures that were checked by eye. Drawings, renderings, composites and distant
pictures by spacecraft are left out, as are pictures without a clear author or with an incompatible
licence. Nothing is taken from gnome-backgrounds (drawings only, no machine-readable copyright
file), plasma-workspace-wallpapers (copyright file and metadata name different licences),
mate-backgrounds (GPL) and lxqt-themes (LGPL).

Package versions are fixed. A version that is no longer in the archive is in a snapshot:
`--mirror http://snapshot.debian.org/archive/debian/DATE`.
"""

import argparse
import io
import json
import re
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from PIL import Image

MIRROR = "http://deb.debian.org/debian"
SUITES = "trixie", "sid"
# Licences that may be mixed in an adaptation under CC-BY-SA-4.0.
LICENSES = "CC0-1.0", "public-domain", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"
ALIASES = {"CC0": "CC0-1.0"}
# Package and version, folder of the installed pictures, folder in the source (which the copyright
# file names), names of the pictures without suffix.
PHOTOGRAPHS = (
    (
        "budgie-backgrounds=3.0-1",
        "usr/share/backgrounds/budgie",
        "backgrounds",
        """
        abstract-spiral beacon-street-sunset blue-periwinkle canyon-wren casa-mila
        extreme-desert-hike high-trestle-trail lake-sherburne oakland-zoo-otters perched-osprey
        piazza-gae-aulenti roman-colosseum singaporean-cityscape tea-gardens
        """,
    ),
    (
        "endless-sky-data=0.11.2-1",
        "usr/share/games/endless-sky/images/land",
        "images/land",
        """
        badlands1 badlands2 badlands6 badlands9-harro badlands10 badlands11 badlands12
        badlands13 beach4 beach7-sfiera beach8-sfiera beach9-sfiera beach10-sfiera
        beach11-harro beach12-harro beach14 beach15 bwerner0 bwerner1 bwerner2 bwerner3
        bwerner4 bwerner5 bwerner6 bwerner7 bwerner8 canyon1 canyon8 canyon9 canyon10-harro
        canyon13 canyon14 canyon15 city2 city7 city11 city13-sfiera city14-sfiera
        city15-sfiera city16-sfiera city17-sfiera city18-iridium city19 city20 city21 city22
        city24 city25 city26 city27 city28 clouds_00 clouds_01 clouds_02 clouds_03 clouds_04
        clouds_05 clouds_06 clouds_07 clouds_08 desert0 desert8-sfiera desert9-sfiera
        desert11 desert12 desert13 dmottl0 dmottl1 dmottl2 dmottl3 dmottl4 dmottl5 dune1
        dune6-harro earthrise fields3 fields13 fields14 fields15 fields16 fields17 fields18
        fields19 fields20 fields21 fields22 fields23 fields24 fields25 fields26 fields27
        fields28 fields29 fog6 fog8 fog10 fog11 fog12 forest5 forest6 forest7 forest8
        forest9 forest10 forest11 forest12 garden1 haze0 haze1 hills0 hills5-sfiera
        hills6-sfiera hills7-harro hills8 hills10 hills11 industrial0-iridium lava0 lava5
        lava7-sfiera lava11 lava12 lava13 lava14 loc3 mars4 mfield0 mfield1 mfield2 mfield3
        mfield4 mfield5 moon1 mountain0 mountain20-harro mountain21-harro mountain22-spfld
        mountain23-spfld mountain24-spfld mountain25-spfld mountain27 mountain28 myrabella0
        myrabella1 myrabella2 myrabella3 myrabella4 myrabella5 myrabella6 myrabella7
        myrabella8 nasa0 nasa1 nasa2 nasa3 nasa4 nasa5 nasa6 nasa7 path1 path2 path3 path4
        sea1 sea3 sea5 sea7 sea10-sfiera sea11-sfiera sea12-sfiera sea13-sfiera sea14-sfiera
        sea15-harro sea16-harro sea17-harro sea18 sea19 sea20 sea21 sea22 sea23 sea24 sky2
        sky4 sky5 sky10 sky11 sky12 sky13 snow5 snow10 snow14 snow15 snow16 snow17 snow18
        snow19 snow20 snow21 snow22 snow23 snow24 snow25 space0 space1 space3 space4 space5
        space7 station1 station2 station3 station4 station8 station9 station10 station11
        station12 station13 station14 station17 station18 station19 station21 station22
        station23 station24 station25 station26 station29 station30 station31 station32
        station33 station34 station35 station37 station38 station39 station40 station41
        station42 station43 station44 station45 station46 station47 station48 station49
        station60 valley10-sfiera valley11-harro valley12-harro valley13-harro
        valley14-harro valley15-harro water3 water4 water10-harro water11-harro water12
        water13 water14 water15 water16 water17 water18 water19 water20 water21 water22
        water23 water24 water25
        """,
    ),
    (
        "lomiri-wallpapers-16.04=20.04.0-4",
        "usr/share/backgrounds",
        "16.04",
        """
        aitzgorri_by_Aitzol_Berasategi Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly
        free_by_Peter_Nerlich friends_by_Aitzol_Berasategi greentock_by_Peter_Nerlich
        life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi Picture_0B_by_freespace
        Picture_1A_by_freespace seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi
        Wine_by_Jakkub_Mede
        """,
    ),
    (
        "lomiri-wallpapers-20.04=20.04.0-4",
        "usr/share/backgrounds",
        "20.04",
        "Kleiber_by_Lukas_Baubkus",
    ),
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="tar file to write")
    parser.add_argument(
        "--short-side", type=int, default=448, help="in pixels; smaller pictures are not enlarged"
    )
    parser.add_argument(
        "--licenses", nargs="+", choices=LICENSES, default=LICENSES, help="default: all"
    )
    parser.add_argument("--mirror", default=MIRROR, help="Debian archive to download from")
    return parser.parse_args()


def download(packages, mirror, folder):
    """Downloads packages and unpacks each into a folder of its name.

    The package lists are kept in `folder`, so that those of the machine are not changed.
    """
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = folder / "sources.list"
    sources.write_text(
        "".join(f"deb [signed-by={keyring}] {mirror} {suite} main\n" for suite in SUITES)
    )
    options = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        # Snapshots are signed, but their period of validity is over.
        "Acquire::Check-Valid-Until": "false",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    for name in ("lists", "cache/archives"):
        (folder / name / "partial").mkdir(parents=True)
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", *packages], check=True, cwd=folder)
    for package in packages:
        name = package.split("=")[0]
        (archive,) = folder.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, folder / name], check=True)


def read_copyright(text):
    """Reads the file paragraphs of a machine-readable copyright file (Debian DEP 5).

    Returns:
        List of `(patterns, author, license)` in the order of the file.

    Raises:
        ValueError: if the text has another format.
    """
    if not re.match(r"\s*Format:.*copyright-format", text):
        raise ValueError("The copyright file isn't machine-readable.")
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE))
        if "Files" in fields:
            license, *_ = fields["License"].strip().splitlines()
            holders = map(holder, fields["Copyright"].strip().splitlines())
            paragraphs.append(
                (fields["Files"].split(), ", ".join(holders), ALIASES.get(license, license))
            )
    return paragraphs


def holder(line):
    """Returns a line of a copyright statement without years and mail address."""
    line = re.sub(r"\s*[<(][^\s<>()]+@[^\s<>()]+[>)]", "", line.strip())
    years = r"\d{4}(?:\s*-\s*\d{4})?"
    return re.sub(rf"^{years}[,.]?\s+|,\s*{years}$", "", line).strip()


def credit(paragraphs, name):
    """Returns the author and licence of a file, or None if they are ambiguous.

    By the rule of Debian the last matching paragraph applies. But a pattern such as `sea1*`, meant
    for `sea1.jpg`, also matches `sea10.jpg` by another author. Here a number must match as a whole,
    and all paragraphs that name a file must agree. A paragraph on a whole folder applies to files
    that no paragraph names.
    """
    named, general = set(), None
    for patterns, *author_and_license in paragraphs:
        for pattern in patterns:
            if not fnmatchcase(name, pattern):
                continue
            stem = pattern.removesuffix("*")
            if stem.endswith("/") or not stem:
                general = tuple(author_and_license)
            elif not (stem[-1].isdigit() and name[len(stem) :][:1].isdigit()):
                named.add(tuple(author_and_license))
    if len(named) > 1:
        return None
    return next(iter(named), general)


def photographs(folder, licenses):
    """Yields `(path, entry)` of each photograph; the entry goes into the .json."""
    for package, installed, source, stems in PHOTOGRAPHS:
        name, version = package.split("=")
        root = folder / name
        text = (root / "usr/share/doc" / name / "copyright").read_text(errors="replace")
        paragraphs = read_copyright(text)
        for stem in stems.split():
            (path,) = (root / installed).glob(f"{stem}.*")
            author, license = credit(paragraphs, f"{source}/{path.name}") or (None, "unclear")
            if license in licenses:
                yield (
                    path,
                    {
                        "title": stem.split("_by_")[0],
                        "author": author,
                        "license": license,
                        "package": name,
                        "version": version,
                    },
                )
            else:
                print(f"left out, its licence is {license}: {path.name}")


def shrink(path, short_side):
    """Returns the bytes of a JPEG of a picture whose short side is at most `short_side` pixels."""
    with Image.open(path) as image:
        image = image.convert("RGB")
    scale = min(1, short_side / min(image.size))
    size = [round(side * scale) for side in image.size]
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def card_text(entries):
    """Returns the credits by licence: authors and, where the licence asks for it, titles."""
    licenses = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        licenses[entry["license"]][entry["author"]].append(entry["title"])
    return ". ".join(
        f"{license}: "
        + "; ".join(
            f"{author} ({', '.join(titles)})" if license.startswith("CC-BY") else author
            for author, titles in authors.items()
        )
        for license, authors in sorted(licenses.items())
    )


def main():
    args = arguments()
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        download([package for package, *_ in PHOTOGRAPHS], args.mirror, folder)
        pairs = list(photographs(folder, args.licenses))
        # The last tenth by name is held out, so names begin with a random number.
        numbers = np.random.default_rng(0).permutation(len(pairs))
        entries = []
        with tarfile.open(args.output, "w") as archive:
            for number, (path, entry) in sorted(zip(numbers, pairs, strict=True)):
                data = shrink(path, args.short_side)
                member = tarfile.TarInfo(f"{number:03}-{path.stem}.jpg")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
                entries.append({"file": member.name, **entry})
    args.output.with_suffix(".json").write_text(
        json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(card_text(sorted(entries, key=lambda entry: (entry["author"], entry["title"]))))
    print(f"{len(entries)} photographs in {args.output}")


if __name__ == "__main__":
    main()
