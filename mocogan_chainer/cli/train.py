"""``train.py``: flags, then a call into the toolkit."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from mocogan_chainer import config as configuration
from mocogan_chainer import training_runs
from mocogan_chainer.cli import durations, entry

_FLAGS: tuple[tuple[tuple[str, ...], str, type, str], ...] = (
    (("--gpu", "-g"), "gpu", int, "device number; -1 for the CPU"),
    (("--dataset",), "dataset", str, "folder of the prepared dataset"),
    (("--batchsize",), "batchsize", int, "videos per step"),
    (("--max_epoch",), "max_epoch", int, "stop after this many epochs"),
    (("--max_iteration",), "max_iteration", int, "stop after this many iterations"),
    (("--save_name",), "save_name", str, "results go to result/NAME and runs/NAME"),
    (("--display_interval",), "display_interval", int, "iterations between rows of losses"),
    (("--snapshot_interval",), "snapshot_interval", int, "iterations between snapshots and GIF grids"),
    (
        ("--log_tensorboard_interval",),
        "log_tensorboard_interval",
        int,
        "iterations between points in TensorBoard",
    ),
    (("--num_gen_samples",), "num_gen_samples", int, "videos in the GIF grid"),
    (("--dim_zc",), "model.dim_zc", int, "size of the content code"),
    (("--dim_zm",), "model.dim_zm", int, "size of the motion code"),
    (("--n_filters_gen",), "model.n_filters_gen", int, "filters of the generator"),
    (("--n_filters_idis",), "model.n_filters_idis", int, "filters of the image discriminator"),
    (("--n_filters_vdis",), "model.n_filters_vdis", int, "filters of the video discriminator"),
    (("--seed",), "seed", int, "seed of all random streams"),
)
"""Each flag with the setting that it stands for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train; return the exit code: 130 and 143 after Ctrl-C and SIGTERM, when the run was saved."""
    begin = time.monotonic()
    return entry.run(lambda: _train(_parser().parse_args(argv), begin))


class _Parser(entry.Parser):
    """Knows that an unknown option may be a setting."""

    def hint(self, option: str) -> str:
        """See :class:`mocogan_chainer.cli.entry.Parser`."""
        name = option.lstrip("-").replace("-", "_")
        settings = (s for model in configuration.model_names() for s in configuration.setting_names(model))
        meant = next((s for s in settings if name in (s, s.rpartition(".")[2])), None)
        return f" (did you mean --set {meant}=...?)" if meant else super().hint(option)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="train.py", description="Train a model on a prepared dataset.")
    parser.add_argument("--model", choices=configuration.model_names(), help="what to train (default: normal)")
    parser.add_argument(
        "--dataset_type",
        choices=configuration.dataset_types(),
        help="settings for another dataset than the data's own",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file of settings, or the name of one of ours, such as narrow"
    )
    parser.add_argument(
        "--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="any setting, by its dotted name"
    )
    for names, setting, kind, text in _FLAGS:
        parser.add_argument(*names, dest=setting, type=kind, metavar=kind.__name__.upper(), help=text)
    parser.add_argument(
        "--resume",
        "-r",
        metavar="SNAPSHOT",
        nargs="?",
        const=training_runs.NEWEST,
        help="go on from a snapshot, with its own settings; without a name: from the newest whole one in the run's "
        f"folder; {training_runs.AUTO}: the same, or begin the run where there is none yet",
    )
    parser.add_argument(
        "--time-limit", metavar="TIME", help="stop in time, saved and with exit code 0: 1h50m, 90m, or seconds"
    )
    parser.add_argument(
        "--resume-weights", metavar="SNAPSHOT", help="start a new run from the networks of a snapshot, or of an import"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace the results of an earlier run of the same name (not of a run that --resume continues)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check and print settings, parameters and memory; do no work"
    )
    return parser


def _train(arguments: argparse.Namespace, begin: float) -> None:
    flags = {setting: getattr(arguments, setting) for _, setting, _, _ in _FLAGS}
    request = training_runs.Request(
        model=arguments.model,
        dataset_type=arguments.dataset_type,
        file=arguments.config,
        settings={name: value for name, value in flags.items() if value is not None}
        | configuration.parse_settings(arguments.set),
        resume=arguments.resume,
        force=arguments.force,
        weights=arguments.resume_weights,
        deadline=None if arguments.time_limit is None else begin + durations.seconds(arguments.time_limit),
    )
    command = training_runs.dry_run if arguments.dry_run else training_runs.train
    command(request, _say)


def _say(line: str) -> None:
    print(line, flush=True)
