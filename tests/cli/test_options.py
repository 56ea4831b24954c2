"""Arguments that several commands have."""

COMMANDS = (
    ["encode", "vae-fashion-mnist", ".", "--out", "codes.png"],
    ["encode", "vae-fashion-mnist", "nothing.png"],
    ["score", "realnvp-mnist", "nothing.png"],
    ["translate", "srgan-bsd200", "nothing.png"],
    ["publish", "./nothing", "--repo", "me/mine"],
)


def test_files_that_are_not_there_do_not_wait_for_torch(python):
    calls = [f"main({words})" for words in COMMANDS]
    said = python(f"import sys; from zoo.cli import main; print({', '.join(calls)}, 'torch' in sys.modules)")
    assert said == f"{'2 ' * len(COMMANDS)}False\n"
