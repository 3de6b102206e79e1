"""Tables of operators; the numbers are read off the texts by eye."""

from pathlib import Path

import pytest

from bench.tool.op_profile import OpProfile, OpRow, parse_op_profile

LOGS = Path(__file__).parents[1] / "data" / "benchmark_logs"


def profile_of(number: int) -> OpProfile:
    profile = parse_op_profile(text_of(number))
    assert profile is not None
    return profile


def text_of(number: int) -> str:
    (path,) = LOGS.glob(f"{number}_*.txt")
    return path.read_text(encoding="utf-8")


def short(rows: tuple[OpRow, ...]) -> list[tuple[str, int, float, float, int]]:
    return [(row.node_type, row.nodes, row.avg_us, row.percent, row.times_called) for row in rows]


def test_tables_of_today_s_columns_are_read() -> None:
    profile = profile_of(44)
    assert short(profile.ops) == [
        ("TRANSPOSE", 1, 52, 1.523, 1),
        ("CONV_2D", 1, 3210, 93.470, 1),
        ("SUM", 1, 167, 4.866, 1),
        ("FULLY_CONNECTED", 1, 5, 0.141, 1),
    ]
    assert short(profile.types) == [
        ("CONV_2D", 1, 3209, 93.502, 1),
        ("SUM", 1, 167, 4.866, 1),
        ("TRANSPOSE", 1, 52, 1.515, 1),
        ("FULLY_CONNECTED", 1, 4, 0.117, 1),
    ]
    assert profile.ops[3].name == "[StatefulPartitionedCall:0]:3"
    assert {(row.graph, row.within_delegate, row.mem_kb) for row in profile.ops} == {
        ("", False, 0.0)
    }
    assert profile.whole


def test_csv_is_read_with_all_its_digits() -> None:
    profile = profile_of(66)
    assert short(profile.ops) == [
        ("TRANSPOSE", 1, 52.3, 1.5413, 1),
        ("CONV_2D", 1, 2762.05, 81.3984, 1),
        ("SUM", 1, 573.05, 16.8879, 1),
        ("FULLY_CONNECTED", 1, 5.85, 0.172401, 1),
    ]
    assert short(profile.types)[0] == ("CONV_2D", 1, 2762, 81.4269, 1)
    assert profile.ops[1].name == (
        "[user_model_script.DummyVisionModel/torch.nn.modules.activation.ReLU_relu;;"
        "user_model_script.DummyVisionModel/torch.nn.modules.conv.Conv2d_conv;1]:1"
    )
    assert profile.whole


def test_the_old_columns_begin_with_a_start() -> None:
    profile = profile_of(33)
    assert short(profile.ops) == [
        ("CONV_2D", 1, 4269, 0.107, 0),
        ("DEPTHWISE_CONV_2D", 1, 2150, 0.054, 0),
    ]
    assert short(profile.types) == [
        ("CONV_2D", 15, 1406, 89.270, 0),
        ("DEPTHWISE_CONV_2D", 13, 169, 10.730, 0),
        ("SOFTMAX", 1, 0, 0, 0),
        ("RESHAPE", 1, 0, 0, 0),
        ("AVERAGE_POOL_2D", 1, 0, 0, 0),
    ]
    assert not profile.whole  # the sample says 31 nodes and shows two


def test_blanks_for_tabs_and_names_of_several_tensors_are_read() -> None:
    profile = profile_of(29)
    assert short(profile.ops) == [
        ("DELEGATE", 1, 21287, 91.329, 1),
        ("SPLIT", 1, 13, 0.056, 1),
        ("ADD", 1, 22, 0.093, 1),
    ]
    assert profile.ops[1].name.count(", ") == 3
    assert (profile.types, profile.whole) == ((), False)


@pytest.mark.parametrize("number", [11, 43, 67])
def test_a_log_without_tables_of_the_regular_runs_has_no_profile(number: int) -> None:
    assert parse_op_profile(text_of(number)) is None


SUBGRAPHS = """\
INFO: Operator-wise Profiling Info for Regular Benchmark Runs:
Primary graph profile:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                   WHILE\t    2.000\t    1.500\t 60.000%\t 60.000%\t    16.000\t        1\t[w]:0
\t  TfLiteXNNPackDelegate\t    1.100\t    1.000\t 40.000%\t100.000%\t     0.000\t        1\t[d]:9

Number of nodes executed: 2
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t                   WHILE\t        1\t     1.500\t    60.000%\t    60.000%\t    16.000\t        1
\t  TfLiteXNNPackDelegate\t        1\t     1.000\t    40.000%\t   100.000%\t     0.000\t        1

Timings (microseconds): count=3 first=2600 curr=2400 min=2400 max=2600 avg=2500 std=81
Memory (bytes): count=0
2 nodes observed

Subgraph (index: 1, name: while_body) profile:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                     ADD\t    0.004\t    0.003\t100.000%\t100.000%\t     0.000\t        7\t[a b,  c]:1

Number of nodes executed: 1
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t                     ADD\t        1\t     0.000\t       nan%\t       nan%\t     0.000\t        7

Subgraph (index: 1) Timings (microseconds): count=3 first=4 curr=3 min=3 max=4 avg=3 std=0
Memory (bytes): count=0
1 nodes observed

Delegate internal:
============================== Run Order ==============================
\t             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t Fully Connected (NC, F32) GEMM\t    0.900\t    0.800\t100.000%\t100.000%\t     0.000\t        1\tDelegate/Fully Connected (NC, F32) GEMM:0

Number of nodes executed: 1
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\t Fully Connected (NC, F32) GEMM\t        1\t     0.800\t   100.000%\t   100.000%\t     0.000\t        1

Timings (microseconds): count=3 first=900 curr=700 min=700 max=900 avg=800 std=81
"""  # noqa: E501 - as the tool prints it


def test_subgraphs_and_what_a_delegate_reports_are_kept_apart() -> None:
    profile = parse_op_profile(SUBGRAPHS)
    assert profile is not None
    assert [(row.node_type, row.graph, row.within_delegate) for row in profile.ops] == [
        ("WHILE", "", False),
        ("TfLiteXNNPackDelegate", "", False),
        ("ADD", "while_body", False),
        ("Fully Connected (NC, F32) GEMM", "", True),
    ]
    assert profile.ops[0].mem_kb == 16
    assert (profile.ops[2].name, profile.ops[2].times_called) == ("[a b,  c]:1", 7)
    assert [(row.graph, row.percent) for row in profile.types] == [
        ("", 60),
        ("", 40),
        ("while_body", 0),  # printed as nan, of no time at all
        ("", 100),
    ]
    assert profile.whole


def test_line_ends_and_heads_of_logcat_do_not_matter() -> None:
    text = text_of(44)
    expected = profile_of(44)
    assert parse_op_profile(text.replace("\n", "\r\n")) == expected
    head = "05-30 13:04:39.021 25935 25935 I tflite  : "
    assert parse_op_profile("".join(f"{head}{line}\n" for line in text.split("\n"))) == expected


def test_commas_in_a_name_come_back_from_csv() -> None:
    text = text_of(66).replace("[StatefulPartitionedCall:0]:3", "[one\ttwo]:3")
    profile = parse_op_profile(text)
    assert profile is not None
    assert profile.ops[3].name == "[one,two]:3"


def test_a_cut_table_is_no_whole_profile() -> None:
    text = text_of(44).partition("INFO: Operator-wise")[2]
    for end in range(len(text)):
        profile = parse_op_profile("INFO: Operator-wise" + text[:end])
        assert profile is None or not profile.whole or len(profile.ops) == 4
