"""scikit-learn's estimators over models of the zoo: pip install 'generative-zoo[sklearn]'.

    from zoo.sklearn import Autoencoder

    codes = Autoencoder("conv-autoencoder", latent_dim=16, random_state=0).fit_transform(images)

`Autoencoder` trains one and gives codes and back, `Encoder` does so with a pretrained release; `Density` fits a flow,
and `OutlierDetector` finds what is unlike the rest by a flow or by what an autoencoder fails to rebuild. They are
cloned, searched over, piped and pickled as scikit-learn's own; `model_` of a fitted one is a `zoo.Model`.

X is (n, features) as ever. The rows of a table may have any units: each feature is standardised inside. Images have
pixels in [0, 1], and come as (n, channels, height, width), or flat with `image_shape=`; training holds them as 8-bit
levels. What is computed of a fitted model has the precision of X, float32 or float64. No global random number generator
is touched: `random_state=None` means a fresh seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo._util.lazy import attribute
from zoo.errors import MissingExtra

if TYPE_CHECKING:
    from zoo.sklearn.autoencoder import Autoencoder
    from zoo.sklearn.density import Density
    from zoo.sklearn.encoder import Encoder
    from zoo.sklearn.outliers import OutlierDetector

_LAZY = {
    "Autoencoder": "zoo.sklearn.autoencoder:Autoencoder",
    "Density": "zoo.sklearn.density:Density",
    "Encoder": "zoo.sklearn.encoder:Encoder",
    "OutlierDetector": "zoo.sklearn.outliers:OutlierDetector",
}

__all__ = ["Autoencoder", "Density", "Encoder", "OutlierDetector"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        try:
            from sklearn.utils.validation import validate_data  # noqa: F401  of scikit-learn 1.6
        except ImportError as error:
            how = "Install it with: pip install 'generative-zoo[sklearn]'"
            raise MissingExtra(f"zoo.sklearn needs scikit-learn 1.6 or later. {how}") from error
    return attribute(__name__, _LAZY, name)


def __dir__() -> list[str]:
    return __all__
