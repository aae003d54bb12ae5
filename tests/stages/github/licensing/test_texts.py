"""Licence texts: real ones, and real ones with riders."""

import sys
from pathlib import Path

import pytest
import xxhash

from schemas.licenses import COPYLEFT, PERMISSIVE, license_class
from stages.github.licensing.texts import read_license

TABLE = Path(__file__).with_name("texts.tsv")
"""xxh3_64 of a text that an installed package ships, its licence as read by a person, its path."""

SENTENCES = Path(__file__).with_name("beside.tsv")
"""A set, `rider` or `harmless`, and a sentence beside a licence. Sets A1 and A2 were written before
there was a rule, A2 and B not looked at before the rules were done."""

MIT = """Copyright (c) 2020 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT
OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
ISC = """Copyright (c) 2020, Somebody

Permission to use, copy, modify, and/or distribute this software for any purpose with or without
fee is hereby granted, provided that the above copyright notice and this permission notice appear
in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE
AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
"""
APACHE_NOTICE = """Licensed under the Apache License, Version 2.0 (the "License"); you may not use
this file except in compliance with the License. You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software distributed under the License
is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or
implied. See the License for the specific language governing permissions and limitations under the
License.
"""
COMMONS_CLAUSE = """"Commons Clause" License Condition v1.0

Without limiting other conditions in the License, the grant of rights under the License will not
include, and the License does not grant to you, the right to Sell the Software."""
RIDERS = [
    COMMONS_CLAUSE,
    "The Software shall be used for Good, not Evil.",
    "This software may not be used for commercial purposes.",
    "For non-commercial use only.",
    "Commercial use requires a separate licence from the author.",
    "You may not use this software for military purposes.",
    "The software may not be used by groups that violate the Declaration of Human Rights.",
    "This software is free for academic and research use only.",
    "You may not sell this software.",
    "You must not use this software to train machine learning models.",
    "Provided that the software is not used in any product that competes with ours.",
    "You may not provide the software to third parties as a hosted or managed service.",
    "Companies with more than 100 employees must buy a licence.",
    "Use by the fossil fuel industry is prohibited.",
    "Redistribution of modified versions is not permitted.",
    "Licensed for evaluation purposes only.",
    "Use of this software by the police or its contractors is forbidden.",
    "The software is not to be used in nuclear facilities.",
    "Do not use this for evil.",
    "You need written permission for commercial use.",
    "Restricted to educational institutions.",
    "The author denies permission to any company on the list below.",
    "Permission is limited to non-profit organisations.",
    "The licence terminates if your annual revenue exceeds one million dollars.",
    "This licence does not permit use in production.",
    "996.ICU: the licensee must comply with labour laws.",
    "This project includes the following restriction: non-commercial use only.",
    "Usage in any commercial product or service is strictly prohibited without prior consent.",
    "This code is provided for personal, non-profit use.",
    "Businesses must obtain a paid license before deploying the Software.",
    "You are not allowed to resell, sublicense for a fee, or monetize this Software.",
    "The Software may only be used for academic research.",
    "Not licensed for use by governments or intelligence agencies.",
    "This plugin is free for open-source projects; closed-source projects need a license.",
    "You may not use the Software to build a competing product.",
    "Students and hobbyists may use it free of charge; all others must contact sales@acme.com.",
    "Use is limited to 30 days for evaluation.",
    "Any use for surveillance or facial recognition is excluded.",
    "Derivative works are not allowed.",
    "Users with yearly income above $100,000 must purchase a subscription.",
    "NC use only. For a commercial licence write to us.",
    "The rights granted above do not extend to employees of the following companies: Acme.",
    "Only for use with genuine Acme hardware.",
    "Users must not engage in child labor, human trafficking or torture.",
    "You agree that you will not deploy this in a revenue generating environment.",
    "This work is gratis for charities; everyone else pays.",
    "Cloud providers are excluded from this grant.",
    "If you make money with it, you owe us a share.",
    "The grant above is revoked for any entity developing autonomous weapons.",
    "Use in medical devices is at no time permitted.",
    "For hobby use. Companies: ask first.",
    "No AI training. No scraping.",
    "This license is valid for one developer seat.",
    "The software is shareware: register after 14 days.",
    "Redistribution in source form is not granted.",
    "It is illegal to use this software in Crimea.",
    "Everyone except Oracle may use this.",
    "Until then production use is reserved to Acme.",
    "Public performance and commercial streaming need approval.",
    "Forks are discouraged and must stay private.",
]
BESIDE = [
    "Copyright (c) 2020 Acme Corporation. All rights reserved.",
    "Contributors: see AUTHORS.",
    "A commercial license is also available.",
    "This is a permissive license. You may use it commercially.",
    "For inquiries about commercial support contact us.",
    "The logo and the name are trademarks of Acme.",
    "The test data in tests/ is in the public domain.",
    "Maintained by the Example Foundation.",
    "See CONTRIBUTING.md before you send a pull request.",
    "The documentation is licensed under CC-BY-4.0.",
    "Thanks to all contributors and sponsors.",
    "This project is not affiliated with Acme Inc.",
    "If you use this in research, please cite our paper.",
    "The full text follows below.",
    "This license applies to all files in this repository unless stated otherwise.",
]


def read(text: str) -> str | None:
    found = read_license(text).licenses
    return None if found is None else str(found)


def test_texts_that_packages_ship() -> None:
    """Of more than 200 real texts .97 and more are read as a person reads them."""
    rows = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]
    label = {number: spdx for number, spdx, _ in rows}
    names = {path.rpartition("/")[2] for _, _, path in rows}
    found: dict[str, bool] = {}
    for folder in {Path(part) for part in sys.path if part.endswith("site-packages")}:
        for path in folder.glob("*.dist-info/**/*"):
            if path.name in names and path.is_file():
                data = path.read_bytes()
                number = xxhash.xxh3_64_hexdigest(data)
                if number in label and number not in found:
                    found[number] = (read(data.decode("utf-8", "replace")) or "") == label[number]
    if len(found) < 40:
        pytest.skip("the packages whose texts are known are not installed")
    assert sum(found.values()) >= 0.97 * len(found)
    assert len(rows) >= 200


@pytest.mark.parametrize("rider", RIDERS)
def test_a_rider_makes_a_licence_unfree(rider: str) -> None:
    """Before, behind and within a permissive text it is never taken for permissive."""
    for text in (MIT, ISC, APACHE_NOTICE):
        within = text.replace("\n\n", f"\n\n{rider}\n\n", 1)
        for whole in (f"{rider}\n\n{text}", f"{text}\n\n{rider}\n", within):
            assert license_class(read(whole)) not in (PERMISSIVE, COPYLEFT), whole


@pytest.mark.parametrize("words", BESIDE)
def test_what_is_no_rider(words: str) -> None:
    """Words that ask nothing leave the licence what it is."""
    assert read(f"{words}\n\n{MIT}\n{words}\n") == "MIT"


def test_several_licences_go_together_as_the_text_says() -> None:
    """A choice, both, or the licence of bundled code that is none of the project's."""
    assert read(f"Dual licensed: choose either.\n\n{MIT}\nor\n\n{ISC}") == "MIT OR ISC"
    assert read(f"{MIT}\n\n{ISC}") == "MIT AND ISC"
    assert read(f"{MIT}\n\nBundled third-party code:\n\n{ISC}") == "MIT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", "MIT"),
        ("SPDX-License-Identifier: apache-2.0\n", "Apache-2.0"),
        ("Licensed under either of Apache-2.0 or MIT, at your option.", "Apache-2.0 OR MIT"),
        ("Business Source License 1.1\n\nLicensor: Acme\nChange License: MIT", "BUSL-1.1"),
        ("Elastic License 2.0\n\nBy using the software, you agree.", "Elastic-2.0"),
        (
            "Functional Source License, Version 1.1, MIT Future License",
            "LicenseRef-Source-Available",
        ),
        ("Copyright Acme. All rights reserved. Confidential.", "LicenseRef-Proprietary"),
        ("YEAR: 2024\nCOPYRIGHT HOLDER: glue authors\n", None),
        ("All rights reserved.", None),
        ("", None),
    ],
)
def test_texts_that_only_name_a_licence(text: str, expected: str | None) -> None:
    """A short statement counts, unless it forbids something."""
    found = read(text)
    assert (found or "").split(" AND ")[-1] == (expected or "")
