"""Words in comments and strings, and dialects of a family, decide nothing about a language."""

import time

import pytest

from stages.language.content import code_views, content_rules, resolve

C_HEADERS = {
    "brief": "/** @brief x\n@end of part one\n@interface serial */\nint f(void);\n",
    "line": "// @protocol is a word of Objective-C\n//@class, too\nint f(void);\n",
    "macro": '#define AT "@"\n#define FMT "%s@%s"\n#define Q \'@\'\nint f(char *s);\n',
    "continued": '#define HELP "usage:\\n" \\\n  "@end stops\\n"\nint f(void);\n',
    "string": 'static const char *mail = "a@\\"b\\"";\nchar at = \'"\'; /* @"x" */\n',
    "prose": "/*\nnamespace x\n  template <T>\nclass Foo;\n  public: or not\n*/\nint f(void);\n",
    "slashes": "int f(void); // virtual machines, std::vector and nullptr\n// explicit or not\n",
    "zero": "#if 0\nclass Old {\npublic:\n};\n#endif\nint f(void);\n",
    "error": "#ifndef X\n#error friend or foe? using std::string\n#endif\nint f(void);\n",
    "operator": "struct node { int operator; };\n#define IS(n) ((n)->operator == 3)\n",
    "assert": '#include <assert.h>\nstatic_assert(sizeof(int) == 4, "int");\nint f(void);\n',
    "unfinished": "int f(void);\n/* the head ends in a comment\nclass A {\n",
    "attribute": "[[gnu::packed]] struct a { int b; };\n",
    "for C++ too": "#ifdef __cplusplus\n#define NIL nullptr\n#else\n#define NIL 0\n#endif\n",
    "bits": "struct a {\n\tint x : 3;\n};\n#define AND(a, b) f(a & b, (int) &b)\n",
    "loops": "#define EACH(p) for (struct x *p = head; p; p = p->next)\nenum x : int {\n A\n};\n",
    "guarded": '#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n',
}
OTHER_HEADERS = {
    "protocol": ("/* C? */\n@protocol A <B>\n- (void)f;\n@end\n", "Objective-C"),
    "import": ('#import "A.h"\n', "Objective-C"),
    "literal": ('static NSString *const kName = @"name"; // C?\n', "Objective-C"),
    "class": ("// A class.\nclass A final : public B {\n};\n", "C++"),
    "template": ('const char *s = "/*";\ntemplate <typename T> T f(T t);\n', "C++"),
    "quote": ("const char q = '\"';\nstd::string f();\n", "C++"),
    "derived": ("struct Point : public Base {\n  double x;\n};\n", "C++"),
    "reference": ("void swap(int &a, int &b);\n", "C++"),
    "constant": ("long sum(const vec3& v);\n", "C++"),
    "default": ("int open(int flags = 0);\n", "C++"),
    "using": ("// using words\nusing Size = unsigned long;\n", "C++"),
}
MATLAB = {
    "at": 'p = strsplit(s, "@");\nq = ["a" "@" "b"];\n',
    "single": "if any(s == '@'), disp('@\"x\"'), end\n",
    "transposed": "y = x' * A';\nz = ['@' y' '@'];\nx(1) = 2;\n",
    "block": "%{\n@interface and @end are words\n#import <x>\nTable[1] = 2\n%}\nx = 1;\n",
    "import": '% #import "A.h"\n%#include <b.h>\nfunction f\nx = @(t) t + 1;\n',
    "wolfram": "% Plot[x] draws, Map[f, x] maps\n% Solve[y] := z\nx = zeros(3);\n",
    "continued": "y = a ... @class of its own\n  + (b) ...\n  - (c);\n",
    "script": "clc;\nclose all;\nfigure;\nplot(1:3);\n",
    "printed": "x = 1; % printf(\"a != b\") would be Octave\ny = 'a != b';\n",
}
PERL = {
    "for": "use Test::Simple;\nfor my $x (1, 2) {\n    print $x;\n}\n",
    "class": "use feature 'class';\nclass Point {\n  field $x :param;\n  method x { $x }\n}\n",
    "signature": "use Function::Parameters;\nmethod add($n) {\n  $self->{n} += $n;\n}\n",
    "old": '$n = shift;\n@a = split /,/, $n;\nfor $i (0 .. $#a) {\n  print "$a[$i]\\n";\n}\n',
    "pod": "=pod\n\nclass Foo {\n\nuse v6;\n\n=cut\n\nprint 1;\n",
    "comment": '# use v6;\n# class A is B { }\n# has $.x;\nprint "x\\n";\n',
    "here": "print <<EOT;\nuse v6;\nif $x {\nclass A {\nEOT\n",
    "string": "my $s = \"say: class A {\\nhas $.x\";\nmy %h = (q => 'use v6;');\n",
    "quoted": "my $t = q{\nuse v6;\ngrammar G { }\n};\n",
    "dialect": "use Dios;\nclass Cow {\n has $.name;\n method moo { say 'moo' }\n}\n",
    "nothing": 'print "1..1\\n";\nok 1;\nsay for @list;\n',
    "say": "use 5.010;\nsay for 1 .. 3;\n",
    "roles": "package A;\nuse Moo;\nwith 'B';\nhas name => (is => 'ro');\n1;\n",
    "test": "use Test2::V0;\nis 1 + 1, 2;\ndone_testing;\n",
    "end": "print 1;\n__END__\nuse v6;\nmulti sub f {}\n",
}
RAKU = {
    "script": 'my @a = <a b c>;\nfor @a -> $x {\n    say "x: $x";\n}\n',
    "class": "class Point {\n    has Int $.x;\n    method double { 2 * $!x }\n}\n",
    "grammar": "# use strict;\ngrammar G {\n    token TOP { <word>+ }\n}\n",
    "condition": "my $x = prompt 'n? ';\nif $x > 3 {\n    say 'big';\n}\n",
    "main": "sub MAIN(Str $name) {\n    put $name;\n}\n",
    "test": "use Test;\nplan 1;\nis-deeply [1], [1];\ndone-testing;\n",
}
OTHER_SQL = {
    "MySQL variables": "SET @a = 1;\nSELECT @a + id FROM t;\n",
    "MySQL settings": "SET @@SESSION.sql_mode = '';\nSELECT @@version, @@max_connections;\n",
    "MySQL procedure": "DELIMITER //\nCREATE PROCEDURE f()\nBEGIN\n  DECLARE x INT;\nEND//\n",
    "MySQL prepared": "PREPARE s FROM 'SELECT ?';\nSET @a = 3;\nEXECUTE s USING @a;\n",
    "MySQL functions": "SELECT ISNULL(a), DATEDIFF(NOW(), b) FROM t;\n",
    "PostgreSQL": "EXECUTE plan_a(1);\nSELECT a::text FROM t WHERE isnull(b);\n",
    "PostgreSQL function": "CREATE FUNCTION f() RETURNS int AS $$\nBEGIN\n EXECUTE 'x';\nEND$$;\n",
    "PostgreSQL copy": "COPY t (a) FROM stdin;\nx\n\\.\n",
    "Oracle": "EXEC pkg.run(1);\nPRINT x\nSELECT SYSDATE FROM dual;\n",
    "MySQL last id": "SET @id = LAST_INSERT_ID();\nINSERT INTO a VALUES (@id);\n",
    "PostgreSQL trigger": "CREATE TRIGGER t AFTER INSERT ON a EXECUTE PROCEDURE b();\n",
    "Snowflake stage": "SELECT $1, LEN($2) FROM @s/path;\nCOPY INTO @s FROM t;\n",
    "Oracle block": "DECLARE\n  x emp.name%TYPE;\nBEGIN\n  NULL;\nEND;\n/\n",
    "Snowflake": "SELECT DATEADD(day, 1, d) FROM t QUALIFY RANK() OVER (ORDER BY d) = 1;\n",
    "Snowflake table": "CREATE OR REPLACE TABLE t (id INT IDENTITY(1,1), v VARIANT);\n",
    "Snowflake script": "EXECUTE IMMEDIATE 'x';\nSELECT TOP 3 v:a::string FROM t;\n",
    "comment": "-- GO to the next part\n/* DECLARE @x INT\nGO\n*/\nSELECT 1;\n",
    "string": "INSERT INTO t VALUES ('DECLARE @x\nGO\n', '[dbo]');\n",
}
T_SQL = {
    "variables": "DECLARE @a INT = 1;\nSELECT @a;\n",
    "batches": "SELECT 1\nGO\nSELECT 2\ngo\n",
    "names": "SELECT [a] FROM [dbo].[t] WITH (NOLOCK);\n",
    "call": "EXEC sp_help 't';\n",
    "functions": "SELECT TOP 10 ISNULL(a, 0), GETDATE() FROM t;\n",
    "procedure": "create proc f @x int as\nbegin\n  set nocount on\nend\n",
    "temporary": "SELECT a INTO #t FROM b;\n",
    "mentions": "-- unlike MySQL's `a` := 1 LIMIT 3\nDECLARE @x int\nPRINT 'LIMIT 1'\n",
}
VERILOG = {
    "prose": "/*\nTheorem of it:\n Section 3.\nRequire x\n*/\nmodule a(input b);\nendmodule\n",
    "lines": "// Definition: the bus\n// Lemma, Notation\nassign a = b;\n",
    "include": "`define WIDTH 8\n`define DEPTH (1 << 4)\n",
    "table": "8'h00: q <= 16'hBEEF;\n8'h01: q <= 16'h0001;\n",
    "attribute": '(* full_case, Definition = "Module x." *)\nreg a;\n',
    "string": 'initial $display("\\nModule A.\\nEnd A.");\n',
    "generate": "generate for (i = 0; i < 4; i = i + 1) begin : Section\nend endgenerate\n",
}


def cases(expected, texts):
    return [pytest.param(text, expected, id=f"{expected}: {name}") for name, text in texts.items()]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        *cases("C", C_HEADERS),
        *(pytest.param(*value, id=f"{value[1]}: {key}") for key, value in OTHER_HEADERS.items()),
    ],
)
def test_headers(text, language):
    """`.h` is C unless code says otherwise."""
    assert resolve(".h", text.encode()) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        *cases("MATLAB", MATLAB),
        ("@implementation A\n- (int)f { return 3 % 2; }\n@end\n", "Objective-C"),
        ("% \n#import <A/A.h>\nint x = 1;\n", "Objective-C"),
        ('NSString *s = @"it\'s";\n', "Objective-C"),
        ("(* a package *)\nf[x_] := x^2\n", "Mathematica"),
        ('# if there is\n# import x\nx = 1;\nprintf("%d\\n", x);\n', "Octave"),
        ("% texinfo\nif x != 3\n  y += 1;\nendif\n", "Octave"),
    ],
)
def test_m_files(text, language):
    """`.m`: quotes behind a name are transpositions, percent signs begin comments."""
    assert resolve(".m", text.encode()) == language


@pytest.mark.parametrize("extension", [".pl", ".pm", ".t"])
@pytest.mark.parametrize(("text", "language"), [*cases("Perl", PERL), *cases("Perl 6", RAKU)])
def test_perl_and_raku(extension, text, language):
    """Neither classes nor a lack of `use strict` make Raku."""
    assert (resolve(extension, text.encode()) or "Perl") == language


@pytest.mark.parametrize(
    ("text", "language"), [*cases("SQL", OTHER_SQL), *cases("Transact-SQL", T_SQL)]
)
def test_dialects(text, language):
    """User variables, EXECUTE and functions are not Transact-SQL's alone."""
    assert resolve(".sql", text.encode()) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        *cases("Verilog", VERILOG),
        ("(* module a(b); endmodule *)\nDefinition x := 1.\n", "Coq"),
        ("(* `include *)\nRequire Import A.\nLemma l : 1 = 1. Proof. easy. Qed.\n", "Coq"),
        ("// module main\nmodule main\nfn main() {\n}\n", "V"),
    ],
)
def test_v_files(text, language):
    """`.v`: an attribute looks like a comment of Coq, and a comment like a definition."""
    assert resolve(".v", text.encode()) == language


@pytest.mark.parametrize(
    ("extension", "text", "language"),
    [
        (".ml", "(* this is\n   fun stuff\n   datatype of\n*)\nlet x = 1\n", "OCaml"),
        (".ml", "fun f x = x\n", "Standard ML"),
        (".d", "/* Written by: me */\nint x;\nvoid main() {}\n", None),
        (".d", "a.o: src/*.c\n", "Makefile"),
        (".rs", "/*\n#pragma version(1)\n*/\nfn main<'a>() {}\n", "Rust"),
        (".fs", '// #version 330\nmodule A\nlet y = "gl_FragColor"\n', "F#"),
        (".es", "function main() {}\nmain();\n", None),
        (".fs", "(*\n: note\n\\ of it\nvoid main\n*)\nmodule A\nlet y = 1\n", "F#"),
        (".fs", 'module A\nlet y = """\n#version 330\nvoid main() {}\n"""\n', "F#"),
        (".d", "/++\nBEGIN\n+/\nstring s = `x`;\n", None),
        (".cls", "/*\nClass of\nProperty x\n*/\npublic class A {\n}\n", "Apex"),
        (".cls", "/*\n * end class of it\n */\nglobal class A {\n}\n", "Apex"),
        (".cls", "' public class A\nOption Explicit\n", "Visual Basic"),
        (".cls", "%% public class A\n\\LoadClass{book}\n", "TeX"),
        (".es", "/*\n%% note\n*/\nlet x = 1;\n", None),
        (".cs", "// !Foo methodsFor: 'x'\nclass A {}\n", None),
        (".ms", 'rollout r "x" (\n on b pressed do (\n  print "x"\n )\n)\n', "MAXScript"),
        (".r", "inc <- '\n#include <vector>\n'\n", None),
        (".r", "#include <Types.r>\nresource 'STR ' (128) {\n}\n", "Rez"),
        (".rs", 'use std::io;\nlet s = r#"\n#pragma version(1)\n"#;\n', "Rust"),
        (".md", '# Loading\n\n(include "a.scm")\n', "Markdown"),
        (".cl", "/*\nclass A inherits B {\n*/\n__kernel void f() {}\n", "OpenCL"),
    ],
)
def test_other_extensions(extension, text, language):
    """The same holds for them."""
    assert resolve(extension, text.encode()) == language


def test_every_view_is_used_and_known():
    """A block names a view that there is."""
    used = {rule.code for rules in content_rules().values() for rule in rules} - {None}
    assert used == set(code_views())


def test_views_come_to_an_end():
    """50 kB of what begins a comment or a string and never ends it took minutes: now, seconds."""
    pieces = ["/*", '"', "'", '\\"', "\\'", "<<A\n", "=pod\n", "q{", "(*", "#if 0\n", "%{\n", "\\"]
    begun = time.process_time()
    for view in code_views().values():
        for piece in pieces:
            view(piece.encode() * (51_200 // len(piece)))
    assert time.process_time() - begun < 60
