"""The evaluation's files become prompts and programs; what is wrong in them is named."""

import json
from pathlib import Path

import pytest

from stages.ablation.evaluation.problems import load_problems, set_names
from stages.errors import InputError

DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "benchmarks"

PYTHON = {
    "task_id": "Python/0",
    "prompt": 'def double(x):\n    """ Twice x. """\n',
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(double):\n    assert double(2) == 4\n\ncheck(double)",
}
CPP = {
    "task_id": "HumanEval_0_double",
    "language": "cpp",
    "prompt": "#include<bits/stdc++.h>\n// Twice x.\nlong twice(long x) {\n",
    "test": "}\nint main() {\n    assert(twice(2) == 4);\n}\n",
    "stop_tokens": ["\n}"],
}


def mbpp(task: int, **fields: object) -> dict[str, object]:
    return {
        "task_id": task,
        "text": f"Write task {task}.",
        "code": f"def f{task}():\r\n\treturn {task}",
        "test_setup_code": "",
        "test_list": [f"assert f{task}() == {task}", f"assert f{task}() > 0"],
        **fields,
    }


def write(folder: Path, name: str, *records: object) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_prompt_has_no_white_space_at_its_ends(tmp_path):
    """The model writes the line break itself; the program has one in any case."""
    write(tmp_path, "humaneval-cpp", CPP)
    (problem,) = load_problems(tmp_path)
    assert problem.prompt == CPP["prompt"].strip()
    assert (problem.set, problem.task_id, problem.language) == (
        "humaneval-cpp",
        "HumanEval_0_double",
        "cpp",
    )
    program = problem.program("    return 2 * x;\n}\nint main() {}", "WORD")
    assert program == (
        "#include<bits/stdc++.h>\n// Twice x.\nlong twice(long x) {\n\n    return 2 * x;\n"
        "}\nint main() {\n    assert(twice(2) == 4);\n"
        '\nstd::cout << std::endl << "WORD" << std::endl;\n}\n'
    )


def test_a_python_program_passes_its_own_test(tmp_path, capsys):
    """Imports, prompt, completion, tests, and the word after the last of them."""
    write(tmp_path, "humaneval-python", PYTHON)
    (problem,) = load_problems(tmp_path)
    assert problem.solution is not None
    exec(problem.program(problem.solution, "WORD"), {})
    assert capsys.readouterr().out == "WORD\n"
    with pytest.raises(AssertionError):
        exec(problem.program("    return x", "WORD"), {})
    assert capsys.readouterr().out == ""


def test_python_has_stop_strings_though_its_set_names_none(tmp_path):
    """Those of the paper that made the set."""
    write(tmp_path, "humaneval-python", {**PYTHON, "stop_tokens": []})
    (problem,) = load_problems(tmp_path)
    assert problem.stop == ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
    assert problem.truncate("    return x\n\ndef g():\n    pass\n# end") == "    return x\n"
    assert problem.truncate("    return x\n") == "    return x\n"


def test_the_first_stop_string_in_the_text_ends_it(tmp_path):
    """Whatever their order in the file."""
    write(tmp_path, "humaneval-cpp", {**CPP, "stop_tokens": ["zz", "\n}", "y"]})
    (problem,) = load_problems(tmp_path)
    assert problem.truncate("x y\n}zz") == "x "


def test_mbpp_shows_three_tasks_before_its_own(tmp_path):
    """Tasks 2, 3 and 4, solved; tasks 11 to 510 are asked; the rest is training data."""
    write(tmp_path, "mbpp", *(mbpp(task) for task in (1, 2, 3, 4, 10, 11, 510, 511)))
    problems = load_problems(tmp_path)
    assert [problem.task_id for problem in problems] == ["11", "510"]
    assert problems[0].prompt == "".join(
        f"You are an expert Python programmer, and here is your task: Write task {task}. Your code "
        f"should pass these tests:\n\nassert f{task}() == {task}\nassert f{task}() > 0\n[BEGIN]"
        + ("" if task == 11 else f"\ndef f{task}():\n    return {task}\n[DONE]\n")
        for task in (2, 3, 4, 11)
    )
    assert problems[0].truncate("\nx = 1\n[DONE]\nYou are") == "\nx = 1\n"


def test_mbpp_sets_up_between_code_and_tests(tmp_path, capsys):
    """A set-up may use what the code defines."""
    setup = {"test_setup_code": "made = f11()", "test_list": ["assert made == 11"]}
    write(tmp_path, "mbpp", *(mbpp(task) for task in (2, 3, 4)), mbpp(11, **setup))
    (problem,) = load_problems(tmp_path)
    for begin in ("\n", " ", ""):
        exec(problem.program(f"{begin}def f11():\n    return 11\n[DONE]", "WORD"), {})
        assert capsys.readouterr().out == "WORD\n"


def test_sets_can_be_chosen(tmp_path):
    """In the order asked for; one that is not there is an error."""
    write(tmp_path, "humaneval-python", PYTHON)
    write(tmp_path, "humaneval-cpp", CPP)
    write(tmp_path, "gsm8k-test", {"question": "2 + 2"})
    assert [p.language for p in load_problems(tmp_path)] == ["python", "cpp"]
    assert [p.language for p in load_problems(tmp_path, ("humaneval-cpp",))] == ["cpp"]
    with pytest.raises(InputError, match=r"mbpp\.jsonl: the set mbpp is not in the folder"):
        load_problems(tmp_path, ("mbpp",))
    with pytest.raises(InputError, match=r"humaneval-cobol: no such set; there are .*mbpp"):
        load_problems(tmp_path, ("humaneval-cobol",))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({**CPP, "prompt": None}, "line 2, field prompt: expected a string, got nothing"),
        ({**CPP, "test": ["x"]}, r"line 2, field test: expected a string, got \['x'\]"),
        ({**CPP, "stop_tokens": "x"}, "line 2, field stop_tokens: expected a list of strings"),
        ({**CPP, "task_id": 7}, "line 2, field task_id: expected a string, got 7"),
        ({**CPP, "test": "no brace"}, r"line 2, field test: the tests do not close a C\+\+ prog"),
        ([1], r"line 2: expected an object, got \[1\]"),
        (CPP, "two tasks 'HumanEval_0_double'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, record, message):
    """File, line and field."""
    write(tmp_path, "humaneval-cpp", CPP, record)
    with pytest.raises(InputError, match=r"humaneval-cpp\.jsonl.*" + message):
        load_problems(tmp_path)


def test_a_line_that_is_not_json_is_named(tmp_path):
    """Bytes that are no text among them."""
    path = write(tmp_path, "humaneval-cpp", CPP)
    for bad in (b'{"task_id": ', b"\xff\xfe"):
        path.write_bytes(json.dumps(CPP).encode() + b"\n\n" + bad)
        with pytest.raises(InputError, match=r"humaneval-cpp\.jsonl, line 3: not JSON"):
            load_problems(tmp_path)


def test_bad_mbpp_is_named(tmp_path):
    """Its numbers, its lists, and the tasks that every prompt shows."""
    write(tmp_path, "mbpp", mbpp(2), mbpp(4), mbpp(11))
    with pytest.raises(InputError, match=r"the tasks \[3\], which every prompt shows, are missing"):
        load_problems(tmp_path)
    write(tmp_path, "mbpp", mbpp(2), {**mbpp(3), "task_id": "3"})
    with pytest.raises(InputError, match=r"line 2, field task_id: expected a whole number"):
        load_problems(tmp_path)
    write(tmp_path, "mbpp", *(mbpp(n) for n in (2, 3, 4)), mbpp(11, test_list=[1]))
    with pytest.raises(InputError, match=r"line 4, field test_list: expected a list of strings"):
        load_problems(tmp_path)
    write(tmp_path, "mbpp", *(mbpp(n) for n in (2, 3, 4, 11, 11)))
    with pytest.raises(InputError, match=r"line 5, field task_id: 11 stands twice"):
        load_problems(tmp_path)


def test_a_folder_without_sets_is_an_error(tmp_path):
    """The message says what would be read."""
    with pytest.raises(InputError, match=r"no problems; expected one or more of humaneval-python"):
        load_problems(tmp_path)


@pytest.mark.skipif(not DATA.exists(), reason="the benchmarks do not lie beside the checkout")
def test_every_problem_of_the_real_sets_is_read():
    """Eight languages and MBPP's 500; a completion alone never holds the tests."""
    problems = load_problems(DATA)
    counts = {name: sum(p.set == name for p in problems) for name in set_names()}
    assert counts == {
        "humaneval-python": 164,
        "humaneval-cpp": 161,
        "humaneval-java": 158,
        "humaneval-php": 161,
        "humaneval-ts": 159,
        "humaneval-cs": 158,
        "humaneval-sh": 158,
        "humaneval-js": 161,
        "mbpp": 500,
    }
    for problem in problems:
        assert problem.stop
        assert problem.prompt == problem.prompt.strip()
        assert problem.program("", "WORD").count("WORD") == 1
        if problem.solution:
            assert problem.truncate(problem.solution) == problem.solution
