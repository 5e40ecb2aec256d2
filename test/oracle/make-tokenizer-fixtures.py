"""Makes test/fixtures/tokenizer/prompts.json: strings, and the ids that transformers' CLIPTokenizer gives for them.

    python test/oracle/make-tokenizer-fixtures.py

The vocabulary is the one of test/fixtures/networks/base/tokenizer, CLIP's cut to its first merges. CLIP's whole
vocabulary, too large to commit, goes with its own ids to test/.cache/clip-tokenizer; the tests use it where it is there.
"""

import json
import random
import shutil
import unicodedata
from pathlib import Path

from networks.tiny_base import write_tokenizer
from transformers import AutoTokenizer

TESTS = Path(__file__).resolve().parent.parent
SMALL = TESTS / "fixtures" / "networks" / "base" / "tokenizer"
FIXTURES = TESTS / "fixtures" / "tokenizer"
WHOLE = TESTS / ".cache" / "clip-tokenizer"

WRITTEN = [
    "",
    " ",
    "\n\t ",
    "driving in the night",
    "driving in the day",
    "driving in heavy rain",
    "A RED Car",
    "  many   spaces\tand\nlines  ",
    "no!yes!! wow!!!",
    "! !",
    "it's they're we've I'm you'll he'd don't",
    "IT'S THEY'RE 'S 'Tis rock 'n' roll 's's",
    "it’s “quoted” – dashed — and… dotted",
    "12345 3.14 1,000,000 1/2 ½ ² ٣ Ⅷ 5th 4k60fps",
    "a-b_c/d\\e|f~g`h^i*j+k=l<m>n[o]p{q}r(s)t;u:v,w.x?y@z#0$1%2&3",
    "masterpiece, best quality, (detailed:1.2), [[blurry]], <lora:night:0.8>",
    "<|startoftext|> inside <|endoftext|> text",
    "<|startoftext|><|endoftext|>glued<|endoftext|>",
    "😀 😃night🌃drive🚗💨",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 ☔️ ❄️",
    "東京の夜、雨の街",
    "서울의 밤거리",
    "Москва ночью",
    "Ζάκυνθος ΟΔΟΣ ΤΟΥ ΦΩΣ ος σ",
    "İstanbul ISTANBUL ıI",
    "straße STRASSE ẞ ﬁne ﬂow",
    "café cafe\u0301 naïve nai\u0308ve Å A\u030a Ω Ω",
    "नमस्ते दुनिया",
    "مرحبا بالعالم ١٢٣",
    "שלום עולם",
    "สวัสดีชาวโลก",
    "a\u00a0b\u2003c\u3000d\u200be\ufefff\u0085g\u180eh\u2028i\u2029j\u001ck",
    "null\x00byte \x01\x7f \x1b[31m",
    "\ud7ff\ue000\uffff \U0001f4a9 \U0010ffff \U00020000",
    "Dž ǅ ǆ Ǆ",
    "\u1e9b\u0323 \ufb01 \u212b \u2126",
    "x" * 300,
    "night " * 100,
    "a " * 74,
    "a " * 75,
    "a " * 76,
    "! " * 90,
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
    "https://example.org/path?query=1&other=%20two#fragment me@example.org",
    "def f(x): return x**2 // 3 != 0 and not None",
    "'''", "'s", "s'", "''s", "' s", "'T 'RE 'VE 'M 'LL 'D",
    "ß", "ŉ", "ﬃ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕿", "𝟘𝟙𝟚", "①②③", "Ｆｕｌｌ　Ｗｉｄｔｈ！",
    "a\u0301\u0327 q\u0323\u0307", "한글 각 각", "\u0344 \u0958 \u2adc",
    "price: $5.00, €10, £3, ¥100, 50%", "C++ C# F# .NET node.js",
    "rain🌧rain", "ⅷ Ⅷ ↉", "ͅ ᾳ ᾼ", "K K å Å", "ᏸ Ꮰ ꭰ",
]  # fmt: skip
WORDS = (
    "a the street car night rain snow fog drive driving city road light headlights neon wet mirror photo of in at by with "
    "painting oil watercolor cinematic 4k 8mm film don't she's they'll New-York Tokyo 2024 50mm f/1.8 !!! ?! ... éclair über"
).split()


def prompts() -> list[str]:
    source = random.Random(77)
    made = [" ".join(source.choice(WORDS) for _ in range(source.randint(1, 60))) for _ in range(60)]
    # Every letter, mark, number, sign and space has its turn; lone surrogates and unassigned points are no text.
    points = [p for p in range(0x1, 0x20000) if unicodedata.category(chr(p)) not in ("Cs", "Cn", "Co")]
    made += ["".join(chr(source.choice(points)) for _ in range(20)) for _ in range(40)]
    made += ["".join(source.choice("aA1'!., \t<|>sStTé") for _ in range(30)) for _ in range(40)]
    return WRITTEN + made


def encode(folder: Path, texts: list[str]) -> list[dict]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(texts, max_length=77, padding="max_length", truncation=True).input_ids
    assert all(len(row) == 77 for row in ids)
    # The padding is said once: an unpadded row ends with its end-of-text token.
    cut = [row[: max(i for i, token in enumerate(row) if token == tokenizer.eos_token_id) + 1] for row in ids]
    return [{"text": text, "ids": row} for text, row in zip(texts, cut)]


def write(path: Path, folder: Path, texts: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in encode(folder, texts))
    path.write_text(f"[\n{lines}\n]\n")


def plain_configuration(folder: Path) -> None:
    """The files of a base that pads with the end-of-text token and adds no token of its own, as SD 1.5 has them."""
    end = {"content": "<|endoftext|>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    start = {**end, "content": "<|startoftext|>"}
    special = {"bos_token": start, "eos_token": end, "pad_token": "<|endoftext|>", "unk_token": end}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    config = {"__type": "AddedToken", **start}, {"__type": "AddedToken", **end}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "add_prefix_space": False,
                "bos_token": config[0],
                "do_lower_case": True,
                "eos_token": config[1],
                "errors": "replace",
                "model_max_length": 77,
                "pad_token": "<|endoftext|>",
                "tokenizer_class": "CLIPTokenizer",
                "unk_token": config[1],
            },
            indent=2,
        )
        + "\n"
    )


def main() -> None:
    texts = prompts()
    write(FIXTURES / "prompts.json", SMALL, texts)
    shutil.rmtree(WHOLE, ignore_errors=True)
    write_tokenizer(WHOLE, None)
    write(WHOLE / "prompts.json", WHOLE, texts)
    # Same vocabulary, the other configuration: only the two small files are committed.
    plain = FIXTURES / "plain"
    shutil.rmtree(plain, ignore_errors=True)
    shutil.copytree(SMALL, plain)
    plain_configuration(plain)
    write(FIXTURES / "plain-prompts.json", plain, texts[:20])
    for name in ("vocab.json", "merges.txt"):
        (plain / name).unlink()
    print(f"{len(texts)} prompts")


main()
