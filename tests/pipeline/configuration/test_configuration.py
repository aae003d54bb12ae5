"""Configuration: what loads, what overrides what, and what a wrong value is told."""

import json
from pathlib import Path

import pytest

from pipeline.configuration import Config, from_resolved, load
from pipeline.configuration.overrides import parse_override
from pipeline.configuration.reference import reference, with_reference
from pipeline.configuration.registry import CONFIGURED, CORPORA, STAGES, stages_of
from pipeline.configuration.settings import INPUTS
from pipeline.configuration.toml_tables import known_names, settings
from pipeline.engine.chain import recall_options
from pipeline.storage.credentials import without_credentials
from stages.concatenate.options import ConcatenateOptions
from stages.dedup.options import DedupOptions
from stages.emit.options import EmitOptions
from stages.errors import ConfigError
from stages.web.options import WebOptions

ROOT = Path(__file__).resolve().parents[3]
INPUTS_SET = 'github.inputs = ["a.tar.gz"]\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def loaded(tmp_path: Path, text: str, *overrides: str) -> Config:
    return load(write(tmp_path, INPUTS_SET + text), overrides)


def test_an_empty_configuration_has_the_documented_defaults() -> None:
    """Only inputs are required."""
    config = load(None, ["github.inputs=['x.tar']"])
    assert config.seed == 0
    assert config.tokenizer == "deepseek-v2"
    assert config.engine.max_attempts == 3
    assert config.engine.max_quarantine_rate == 0.01
    assert config.engine.record_seconds == 60
    assert config.github.shard_bytes == 128_000_000
    assert config.web.inputs == ()
    assert config.options("github.dedup", DedupOptions).threshold == 0.85


def test_the_run_folder_is_named_after_the_file(tmp_path: Path) -> None:
    """Default, key and argument: the later wins."""
    assert loaded(tmp_path, "").run == Path("runs/mine")
    path = write(tmp_path, 'run = "elsewhere"\n' + INPUTS_SET)
    assert load(path).run == Path("elsewhere")
    assert load(path, ["run=there"]).run == Path("there")
    assert load(path, ["run=there"], Path("here")).run == Path("here")


def test_a_corpus_table_overrides_the_shared_one_key_by_key(tmp_path: Path) -> None:
    """[web.dedup] changes what it names and inherits the rest of [dedup]."""
    config = loaded(tmp_path, "[dedup]\nthreshold = 0.7\nngram = 4\n[web.dedup]\nthreshold = 0.9\n")
    assert config.options("github.dedup", DedupOptions).threshold == 0.7
    assert config.options("web.dedup", DedupOptions).threshold == 0.9
    assert config.options("web.dedup", DedupOptions).ngram == 4


def test_corpora_have_their_own_defaults_below_every_table(tmp_path: Path) -> None:
    """CJK text is split by character on the web, unless [dedup] says otherwise."""
    assert loaded(tmp_path, "").options("web.dedup", DedupOptions).cjk is True
    assert loaded(tmp_path, "").options("github.dedup", DedupOptions).cjk is False
    assert (
        loaded(tmp_path, "[dedup]\ncjk = false\n").options("web.dedup", DedupOptions).cjk is False
    )


def test_seeds_pass_through_the_web_stages(tmp_path: Path) -> None:
    """Seeds have no tables of their own."""
    config = loaded(tmp_path, "[web.dedup]\nthreshold = 0.9\n")
    for name, model in (("dedup", DedupOptions), ("documents", WebOptions)):
        assert config.options(f"seeds.{name}", model) == config.options(f"web.{name}", model)


def test_seed_and_tokenizer_reach_the_stages_that_use_them(tmp_path: Path) -> None:
    """A stage's own key wins over the top-level one."""
    config = loaded(tmp_path, "[concatenate]\nseed = 3\n", "seed=7", "tokenizer=t.json")
    assert config.options("emit", EmitOptions).seed == 7
    assert config.options("emit", EmitOptions).tokenizer == "t.json"
    assert config.options("github.concatenate", ConcatenateOptions).seed == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=0.5", {"a": {"b": 0.5}}),
        ("a=3", {"a": 3}),
        ("a=true", {"a": True}),
        ('a="3"', {"a": "3"}),
        ("a=['x', 'y']", {"a": ["x", "y"]}),
        ("a=deepseek-v2", {"a": "deepseek-v2"}),
        ("a=/data/x=y.json", {"a": "/data/x=y.json"}),
        ("a=", {"a": ""}),
        ("a=1\nb=2", {"a": "1\nb=2"}),
        ("a.'c.d'=1", {"a": {"c.d": 1}}),
    ],
)
def test_override_values_are_toml_or_bare_strings(text: str, expected: object) -> None:
    """What is no TOML value is a string."""
    assert parse_override(text) == expected


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Unknown tables and keys, values that may not be: each once, in a line with the file's name;
    whether there is anything to read is asked of a configuration without such."""
    text = "sed = 3\nweb.dedup = 3\nnothing.x = 1\nengine.worker = 3\ngithub.dedup.bar = 2\n"
    path = write(tmp_path, text + "dedup.threshold = 3\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert [line.split("`")[1] for line in lines] == [
        "sed",
        "web.dedup",
        "nothing",
        "engine.worker",
        "dedup.threshold",
        "github.dedup.bar",
    ]
    assert all(line.startswith(f"{path}: ") for line in lines)


def test_an_override_empties_a_table(tmp_path: Path) -> None:
    """`recall.targets={}` switches recall off; an empty table in a file takes nothing away."""
    seeds = "[recall.targets.code]\nseeds = ['a.jsonl']\n[web.recall.targets]\n"
    assert list(recall_options(loaded(tmp_path, seeds)).targets) == ["code"]
    assert not recall_options(loaded(tmp_path, seeds, "recall.targets={}")).targets
    again = ("recall.targets={}", "recall.targets.math.seeds=['b.jsonl']")
    assert list(recall_options(loaded(tmp_path, seeds, *again)).targets) == ["math"]


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", "a..b=1", "x\ny=2"])
def test_an_override_without_a_name_is_refused(text: str) -> None:
    """The message shows what was given."""
    with pytest.raises(ConfigError, match="--set"):
        parse_override(text)


def test_a_single_string_stands_for_a_list_of_one() -> None:
    """`--set github.inputs=x.tar` needs no brackets."""
    assert load(None, ["github.inputs=x.tar"]).github.inputs == ("x.tar",)


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("[dedup]\ntreshold = 0.8", ["`dedup.treshold` (= 0.8)", "`dedup.threshold`"]),
        ("[web.dedup]\ntreshold = 0.8", ["`web.dedup.treshold`", "`web.dedup.threshold`"]),
        ("[dedupe]\nthreshold = 0.8", ["`dedupe`", "`dedup`"]),
        ("[github]\nimputs = []", ["`github.imputs`", "`github.inputs`"]),
        ("threshold = 0.8", ["`threshold` (= 0.8)", "`dedup.threshold`"]),
        ("[engine]\nworker = 2", ["`engine.worker`", "`engine.workers`"]),
        ("[web.language]\n", ["`web.language`", "the web corpus has no stage language"]),
        ("dedup = 3", ["`dedup` is a table"]),
        ("[dedup]\nthreshold = 'high'", ['`dedup.threshold` must be a valid number, not "high"']),
        ("[dedup]\nthreshold = 1.5", ["`dedup.threshold`", "less than or equal to 1", "1.5"]),
        (
            "[decontaminate]\nbenchmarks = [0]",
            ["`decontaminate.benchmarks.0` must be a valid string"],
        ),
        ("[dedup]\nexact = 'true'", ["`dedup.exact` must be a valid boolean"]),
        ("[engine]\nmax_attempts = 2.0", ["`engine.max_attempts` must be a valid integer"]),
        ("[engine]\nworkers = 0", ["`engine.workers`", "not 0"]),
        ("seed = -1", ["`seed`", "not -1"]),
        (
            "[concatenate]\norder = 'sideways'",
            ["`concatenate.order`", "'random', 'dependency' or 'none'"],
        ),
        ("[emit]\ncolumns = ['x']", ["`emit.columns`"]),
        ("[github.remove]\ncontent = 'x'", ["`github.remove.content`"]),
        ("[rules]\nalso_keep = ['YAM']", ["`rules.also_keep`", "did you mean YAML?"]),
        ("[rules]\nxml_declaration_allowed = ['xslt']", ["did you mean XSLT?"]),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_the_nearest_name(
    tmp_path: Path, text: str, fragments: list[str]
) -> None:
    """A ConfigError names file, field and value, and suggests what exists."""
    path = write(tmp_path, text if "[github]" in text else f"{text}\n[github]\ninputs = ['x']\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    for fragment in [str(path), *fragments]:
        assert fragment in str(caught.value)


@pytest.mark.parametrize("table", ["rules", "github.rules", "engine", "web"])
def test_a_hint_is_of_the_same_table(tmp_path: Path, table: str) -> None:
    """Another table's setting of the same name is no setting of this one."""
    with pytest.raises(ConfigError, match="is not a setting") as caught:
        loaded(tmp_path, f"[{table}]\nthreshold = 0.8\n")
    assert "did you mean" not in str(caught.value)


def test_every_problem_of_a_table_is_told(tmp_path: Path) -> None:
    """One message has a line for each."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "[dedup]\nthreshold = 'x'\nngram = 'y'\n")
    assert "dedup.threshold" in str(caught.value)
    assert "dedup.ngram" in str(caught.value)


def test_broken_toml_is_told_with_line_and_column(tmp_path: Path) -> None:
    """tomllib knows where."""
    with pytest.raises(ConfigError, match=r"mine\.toml: not valid TOML: .*line 2, column"):
        load(write(tmp_path, "seed = 1\nrun = = 2\n"))


def test_a_missing_file_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    """A slip of the pen is common."""
    write(tmp_path, INPUTS_SET)
    with pytest.raises(ConfigError, match=r"mime\.toml: No such file.*did you mean .*mine\.toml"):
        load(tmp_path / "mime.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The byte is named."""
    path = tmp_path / "mine.toml"
    path.write_bytes(b'run = "\xff"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path)


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    """A run without inputs cannot be meant."""
    with pytest.raises(ConfigError, match=r"github\.inputs"):
        load(write(tmp_path, "seed = 1\n"))


def test_an_unknown_stage_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    """Config.options serves registered stages alone."""
    config = loaded(tmp_path, "")
    for name in ("web.dedupe", "dedup", "web.dedup.measure", "web.deduplicate"):
        with pytest.raises(ConfigError, match=r"did you mean \w+\.dedup\?"):
            config.options(name, DedupOptions)


def test_the_resolved_configuration_is_json_and_loads_to_itself(tmp_path: Path) -> None:
    """run.json can be turned into a configuration again."""
    config = loaded(tmp_path, "[web.dedup]\nthreshold = 0.9\n[emit]\nheldout_rate = 0.1\n")
    resolved = json.loads(json.dumps(config.resolved()))
    overrides = [
        f"{key}={json.dumps(value)}"
        for key, value in resolved.items()
        if not isinstance(value, dict)
    ]
    for table, content in resolved.items():
        for key, value in content.items() if isinstance(content, dict) else ():
            inner = value.items() if isinstance(value, dict) else [("", value)]
            overrides += [
                f"{table}.{key}.{name}".rstrip(".") + f"={json.dumps(item)}"
                for name, item in inner
                if item != {}
            ]
    assert load(None, overrides).resolved() == config.resolved()


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://me:pw@host/x.warc", "https://***@host/x.warc"),
        ("https://h/x?X-Amz-Signature=abc&v=1", "https://h/x?***"),
        ("https://h/x?token=abc", "https://h/x?***"),
        ("s3://bucket/key.tar.gz", "s3://bucket/key.tar.gz"),
    ],
)
def test_credentials_never_reach_the_resolved_configuration(url: str, written: str) -> None:
    """The run reads with them; run.json does not show them."""
    config = load(None, [f"web.inputs={json.dumps([url])}"])
    assert config.web.inputs == (url,)
    assert config.resolved()["web"]["inputs"] == [written]


def test_fields_named_like_secrets_are_hidden() -> None:
    """Whatever a later stage calls its credentials."""
    given = {
        "api_key": "abc",
        "nested": {"password": "x"},
        "tokenizer": "t",
        "max_sample_tokens": 3,
    }
    assert without_credentials(given) == {
        "api_key": "***",
        "nested": {"password": "***"},
        "tokenizer": "t",
        "max_sample_tokens": 3,
    }


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.name)
def test_every_configuration_of_the_repository_loads(path: Path) -> None:
    """The examples are examples of something that works."""
    assert load(path).run == Path("runs") / path.stem


def test_every_setting_is_described() -> None:
    """A setting without a description cannot be used."""
    assert [f"{t}.{key}" for t, key, field in settings() if not field.description] == []


def test_source_options_and_inputs_share_a_table_without_clashing() -> None:
    """[github] holds both, and the stages' tables."""
    for corpus in CONFIGURED:
        source = set(CORPORA[corpus].model.model_fields)
        assert not source & set(INPUTS[corpus].model_fields)
        assert not source & set(STAGES)
        assert stages_of(corpus)
    assert len(known_names()) == len(set(known_names()))


def test_the_documentation_lists_every_setting() -> None:
    """`python -m pipeline.configuration.reference docs/settings.md` rewrites the table."""
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert reference() in document
    assert with_reference(document) == document


def test_resources_of_an_unknown_stage_are_refused() -> None:
    """A stage's name in [engine.resources] is checked like any other."""
    inputs = "web.inputs=['a.warc.gz']"
    load(None, [inputs, 'engine.resources={"web.documents" = {cpus = 2.0}}'])
    with pytest.raises(ConfigError, match=r"did you mean web\.documents"):
        load(None, [inputs, 'engine.resources={"web.docments" = {cpus = 2.0}}'])


def test_a_resolved_configuration_is_one(tmp_path: Path) -> None:
    """What `run.json` records makes the same configuration again."""
    config = load(None, ["web.inputs=['a.warc.gz']", "dedup.threshold=0.8"], tmp_path)
    resolved = json.loads(json.dumps(config.resolved()))
    assert from_resolved(resolved, tmp_path) == config
