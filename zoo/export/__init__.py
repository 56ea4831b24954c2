"""Models that leave Python: a method of a model as an ONNX file, or as a program of torch.export.

    zoo.export.write(zoo.load("dcgan-celeba"), "faces.onnx", "generate")

What goes in and comes out has names, which the file's metadata explain (`zoo.export.graphs`), so that a page in a
browser can use it without knowing the model. A file is run before it is kept, and must give what torch gives.
"""

from zoo.export.graphs import METHODS as METHODS
from zoo.export.graphs import Port as Port
from zoo.export.writing import Exported as Exported
from zoo.export.writing import write as write

__all__ = ["METHODS", "Exported", "Port", "write"]
