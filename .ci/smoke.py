"""What zoo must do at least with this Python and the versions installed here: be imported, list, load, generate what it
always did, write and read images and tables, and train. Nothing is downloaded."""

import os
import tempfile

COMMANDS = """
list
info dcgan-celeba
verify dcgan-celeba vae-fashion-mnist realnvp-mnist flow-2d-two-moons srresnet-bsd200 stackgan-emoji
generate dcgan-celeba -n 2 --seed 0 --out faces/
encode glow-celeba faces
translate srresnet-bsd200 faces --out large
generate flow-2d-two-moons -n 5 --out points.csv
score flow-2d-two-moons points.csv
train gan --set dataset=gaussian-ring --set config.image_shape=[2] --set config.latent_dim=2 --set config.hidden=[8]
 --set objective.hidden=[8] --set objective.dropout=0 --set steps=20 --out run
generate ./run -n 3 --out ring.csv
"""

with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.environ.update(ZOO_HOME=f"{folder}/home", ZOO_OFFLINE="1", ZOO_PLUGINS="")
    import zoo
    from zoo.cli import main

    assert len(zoo.list_models()) > 20
    for command in COMMANDS.replace("\n ", " ").split("\n"):
        if status := main(command.split()) if command else 0:
            raise SystemExit(f"zoo {command} ends with status {status}.")
    os.chdir(os.sep)
