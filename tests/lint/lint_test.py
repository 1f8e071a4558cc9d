#!/usr/bin/env python3
"""The lints find what they are for, and nothing else."""

import pathlib
import tempfile
import unittest

import doc_paths
import doc_quotes
import doc_tests
import include_boundaries


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def include_faults(self, name: str, include: str) -> list[str]:
        self.write(name, f"// One line above.\n#include {include}\n")
        return include_boundaries.check(self.root)

    def test_an_include_against_the_arrows_is_found_with_its_line(self):
        self.assertEqual(
            self.include_faults("engine/nn/a.cc", '"engine/train/b.h"'),
            [
                "engine/nn/a.cc:2: engine/nn may include engine/base, engine/dense, "
                "engine/surrogate, not engine/train/b.h"
            ],
        )

    def test_each_kind_of_wrong_include_is_found(self):
        for name, include in [
            ("engine/base/a.h", '"engine/nn/b.h"'),
            ("engine/base/a.h", '"server/app/b.h"'),
            ("engine/base/a.h", "<grpcpp/grpcpp.h>"),
            ("engine/base/a.h", "<unistd.h>"),
            ("engine/base/a.h", "<tbb/tbb.h>"),
            ("engine/unheard/a.h", '"engine/base/b.h"'),
            ("server/rpc/a.cc", "<prometheus/counter.h>"),
            ("server/jobs/a.cc", "<sqlite3.h>"),
            ("server/rpc/a.cc", '"client/cpp/b.h"'),
            ("server/metrics/a.cc", '"server/app/b.h"'),
            ("client/cpp/a.cc", '"engine/nn/b.h"'),
            ("client/cli/a.cc", '"server/app/b.h"'),
            ("server/app/a.cc", "<gtest/gtest.h>"),
            ("server/app/a.cc", "<sobolev/client.h>"),
            ("engine/nn/a.cc", "<engine/train/b.h>"),
        ]:
            with self.subTest(name=name, include=include):
                self.assertEqual(len(self.include_faults(name, include)), 1)
                (self.root / name).unlink()

    def test_right_includes_pass(self):
        for name, include in [
            ("engine/train/a.cc", '"engine/nn/b.h"'),
            ("engine/nn/a.cc", "<oneapi/tbb/parallel_for.h>"),
            ("engine/nn/a.cc", "<immintrin.h>"),
            ("engine/nn/a.cc", "<vector>"),
            ("server/metrics/a.cc", "<prometheus/counter.h>"),
            ("server/rpc/a.cc", '"engine/nn/b.h"'),
            ("client/cpp/a.cc", '"proto/sobolev/v1/tensor.pb.h"'),
            ("client/cpp/a.cc", '"grpc/health/v1/health.grpc.pb.h"'),
            ("client/cli/a.cc", "<sobolev/client.h>"),
        ]:
            with self.subTest(name=name, include=include):
                self.assertEqual(self.include_faults(name, include), [])

    def test_a_document_may_name_only_what_exists(self):
        self.write("engine/nn/network.h", "")
        self.write("engine/README.md", "Read `nn/network.h`, then `nn/gone.h`.")
        self.write(
            "README.md",
            "Run `./engine/nn/run.sh --fast`, see [the net](engine/nn/network.h), `engine/nn/*.h`,\n"
            "`build/release/x`, [a page](https://example.org/engine/none) and n/a or `a/b`.\n",
        )
        self.assertEqual(
            doc_paths.check(self.root),
            [
                "README.md: names engine/nn/run.sh, which does not exist",
                "engine/README.md: names nn/gone.h, which does not exist",
            ],
        )

    def test_a_quotation_must_stand_in_its_source(self):
        self.write("examples/a.py", "with x:\n    first()\n\n    second()\n")
        quotation = "<!-- quoted from {}, as it runs -->\n```python\n{}\n```\n"
        self.write("good.md", quotation.format("examples/a.py", "first()\n\nsecond()"))
        self.assertEqual(doc_quotes.check(self.root), [])
        self.write("a.md", quotation.format("examples/a.py", "first()\nsecond()"))
        self.write("b.md", quotation.format("examples/gone.py", "first()"))
        self.write("c.md", quotation.format("examples/a.py", ""))
        self.assertEqual(
            doc_quotes.check(self.root),
            [
                "a.md: what it quotes from examples/a.py does not stand there",
                "b.md: quotes examples/gone.py, which does not exist",
                "c.md: quotes nothing from examples/a.py",
            ],
        )

    def test_a_document_may_name_only_tests_that_exist_once(self):
        self.write("tests/a/test_b.py", "def test_one():\n    pass\n\n\ndef test_two(x):\n    pass\n")
        self.write("tests/c/test_d.py", "async def other():\n    pass\n\n\ndef test_two():\n    pass\n")
        self.write("tests/e_test.cc", "TEST(ATest, Works) {}\nTEST_F(\n    BTest, Too) {}\n")
        self.write("README.md", "`test_one`, `ATest.Works`, `BTest.Too`, `code`, test_none")
        self.assertEqual(doc_tests.check(self.root), [])
        self.write("a.md", "`test_one` and `test_two`, `test_three`; `ATest.Fails`")
        self.assertEqual(
            doc_tests.check(self.root),
            [
                "a.md: names test_two, of which there are 2",
                "a.md: names test_three, which is no test",
                "a.md: names ATest.Fails, which is no test",
            ],
        )


if __name__ == "__main__":
    unittest.main()
