from slaibench.backends.engines.flags import Flag, FlagVerdict, markdown, unlisted

FLAGS = (
    Flag("max-num-seqs", FlagVerdict.HONOURED, "a scheduler's `max_active`"),
    Flag("pp-size", FlagVerdict.REFUSED, "several batches in flight: use 1"),
)


def test_a_table_has_a_row_a_flag():
    assert markdown(FLAGS).splitlines()[2:] == [
        "| `--max-num-seqs` | honoured | a scheduler's `max_active` |",
        "| `--pp-size` | refused | several batches in flight: use 1 |",
    ]


def test_a_flag_that_looks_like_ours_and_is_in_no_table_is_found():
    installed = ("max_num_seqs", "--pp-size", "max_num_batched", "seed", "max_log_len")

    assert unlisted(installed, FLAGS, ("max_num", "pp-", "max_log"), ("max_log_len",)) == [
        "max-num-batched"
    ]
